/** Which files a backup of a gateway has: its policy and what that names, its keys, and its state beside the audit log. */
import { existsSync, readdirSync, statSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { approvalsFile } from '../approvals/memory.ts'
import { chainsOf } from '../audit/chains.ts'
import { segmentsOf } from '../audit/write/segments.ts'
import { signingKeysFile } from '../auth/tokens/signing-keys.ts'
import { freezesFile } from '../kill-switch/file.ts'
import { budgetsFile } from '../limits/memory/month-counts.ts'
import { attestationsFolder } from '../model-trust/attestation/store.ts'
import { exceptionsFile } from '../policy/exceptions.ts'
import { openPolicy, type Variables } from '../policy/locate.ts'
import type { Policy } from '../policy/policy.ts'
import { testsFileOf } from '../policy/tests/test-file.ts'

/** A file that is backed up as it is when it is read. */
export interface Item {
  readonly path: string
  /** Only on demand. */
  readonly secret: boolean
  /** Belongs together with others of its kind: none may change while they are read. */
  readonly settled: boolean
}

/** What ends with the process that made it, and what others write while it is being replaced. */
const passing = /(\.lock|\.running\.json|\.tmp|\.next|\.[0-9a-f]{12}|\.replaced-\d+)$/

/** Lists the files of a gateway that are there, without the audit log itself. */
export function itemsOf(policyFile: string, policy: Policy, variables: Variables): Item[] {
  const settled = (path: string, secret = false): Item => ({ path, secret, settled: true })
  const state = (path: string, secret = false): Item => ({ path, secret, settled: false })
  const { audit, keysFile, modelTrust } = policy
  const file = resolve(policyFile)
  const folder = dirname(file)
  const all = [
    ...[file, exceptionsFile(file), testsFileOf(file)].map((path) => settled(path)),
    ...filesNamedBy(policy).map((path) => settled(path)),
    ...casOfIssuers(policyFile, policy, variables).map((path) => settled(path)),
    ...policy.secretFiles.map((path) => settled(resolve(folder, path), true)),
    ...(policy.listen.tls ? [settled(policy.listen.tls.key, true)] : []),
    ...besides(keysFile).map((path) => settled(path, isSecretOfKeys(path, keysFile))),
    settled(freezesFile(audit.file)),
    ...besides(modelTrust.lockFile).map((path) => settled(path)),
    ...filesBelow(attestationsFolder(modelTrust.lockFile)).map((path) => settled(path)),
    settled(modelTrust.signingFile, true),
    settled(`${modelTrust.signingFile}.pub`),
    ...[budgetsFile(audit.file), approvalsFile(audit.file)].map((path) => state(path)),
    ...besideTheLog(audit.file).map((path) => state(path, /\.(key|pseudonyms)$/.test(path))),
  ]
  return unique(all.filter(({ path }) => existsSync(path) && statSync(path).isFile()))
}

function filesNamedBy({ listen, promptGuard, roles, personalData, jwt, store }: Policy): string[] {
  const { tls } = listen
  const guards = [promptGuard, ...[...roles.values()].map((role) => role.promptGuard)]
  return [
    ...(tls ? [tls.cert, tls.clientCa, tls.crl] : []),
    ...guards.flatMap(({ packFiles }) => packFiles),
    ...jwt.map(({ publicKey }) => publicKey),
    ...[personalData.namesFile, store.redis?.ca],
  ].filter((path) => path !== undefined)
}

/** Of these the policy in force has the text only. */
function casOfIssuers(policyFile: string, { jwt }: Policy, variables: Variables): string[] {
  const { source } = openPolicy(policyFile, variables)
  return jwt.flatMap((_, index) => {
    const ca = source.at(['jwt', index, 'ca'])
    return typeof ca === 'string' ? [resolve(dirname(resolve(policyFile)), ca)] : []
  })
}

/** A secret that is named twice is one. */
function unique(items: readonly Item[]): Item[] {
  const found = new Map<string, Item>()
  for (const item of items) {
    const known = found.get(item.path)
    found.set(item.path, { ...item, secret: item.secret || known?.secret === true })
  }
  return [...found.values()]
}

function isSecretOfKeys(path: string, keysFile: string): boolean {
  return path === signingKeysFile(keysFile) || path === `${keysFile}.passages`
}

/** A file, and those that are named after it. */
function besides(file: string): string[] {
  const name = basename(file)
  return namesIn(dirname(file))
    .filter((each) => each === name || each.startsWith(`${name}.`))
    .filter((each) => !passing.test(each))
    .map((each) => join(dirname(file), each))
}

/** What lies beside a log and is not one of its segments or heads. */
function besideTheLog(auditFile: string): string[] {
  const chains = chainsOf(auditFile)
  const ofChains = new Set(
    chains.flatMap((chain) => [chain, `${chain}.head`, ...segmentsOf(chain).map(({ path }) => path)]),
  )
  return besides(auditFile)
    .filter((path) => !ofChains.has(path) && !/\.\d{12,}(\.gz)?$/.test(path))
    .flatMap((path) => (statSync(path, { throwIfNoEntry: false })?.isDirectory() ? filesBelow(path) : [path]))
}

function filesBelow(folder: string): string[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !passing.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
}

function namesIn(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder) : []
}
