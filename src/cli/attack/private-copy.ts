/** A private copy of a gateway, in a folder of its own that is deleted in the end, before scripted model servers. */
import {
  closeSync,
  copyFileSync,
  existsSync,
  fstatSync,
  mkdtempSync,
  openSync,
  readSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { stringify } from 'yaml'
import { AttackClient } from '../../attack/client.ts'
import { type ObservedServers, startObservedServers } from '../../attack/observed-server.ts'
import type { OpenStage, Try } from '../../attack/run.ts'
import { guardModels, type Subject, servedModels } from '../../attack/subject.ts'
import type { Attack } from '../../attack/suite/attack.ts'
import { hashKey, mintKey } from '../../auth/api-keys/key.ts'
import { type KeyEntry, writeKeyFile } from '../../auth/api-keys/key-file.ts'
import { isObject, objectsIn, tryJson } from '../../core/json.ts'
import { randomText } from '../../core/random.ts'
import { createScanners, type ScannerFor } from '../../pipeline/request/scan-cache.ts'
import { exceptionsFile } from '../../policy/exceptions.ts'
import { openPolicy } from '../../policy/locate.ts'
import { loadPacks } from '../../policy/packs.ts'
import type { Policy } from '../../policy/policy.ts'
import { type Gateway, startGateway } from '../../server/gateway.ts'
import { createLog } from '../../telemetry/log.ts'
import type { Io } from '../command.ts'
import { modelsLock } from '../models/lock.ts'
import { copyPolicy } from './copy-policy.ts'

/** Keys of a copy. */
interface Keys {
  readonly entries: readonly KeyEntry[]
  keysFor: OpenStage['keysFor']
}

/** What every copy of one run shares. */
export interface CopySource {
  readonly policyFile: string
  readonly policy: Policy
  readonly io: Io
  readonly scannerFor: ScannerFor
  /** The policy's text as a value, with its variables expanded. */
  readonly value: unknown
  /** Returns `tools.arguments` of a role, as the policy writes them. */
  toolRulesOf(role: string): unknown
}

/** Reads what copies of a policy are made of. @throws PolicyError */
export function copySource(policyFile: string, policy: Policy, io: Io): CopySource {
  const { value } = openPolicy(policyFile, io.variables).source
  return {
    ...{ policyFile, policy, io, value },
    scannerFor: createScanners(loadPacks()),
    toolRulesOf: (role) => ['roles', role, 'tools', 'arguments'].reduce(memberOf, value),
  }
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null
    ? Object.entries(value).find(([key]) => key === name)?.[1]
    : undefined
}

/** Starts a copy; it has a key for each of the tries, so that none uses up what another one needs. */
export async function openCopy(
  source: CopySource,
  limits: boolean,
  tries: readonly Try[],
): Promise<OpenStage> {
  const { policy } = source
  const folder = mkdtempSync(join(tmpdir(), 'torwart-attack-'))
  const closers: (() => unknown)[] = [() => rmSync(folder, { recursive: true, force: true })]
  const close = async () => {
    for (const each of closers.splice(0).reverse()) await each()
  }
  try {
    const servers = await startObservedServers(
      policy.upstreams.length,
      servedModels(policy),
      guardModels(policy),
    )
    closers.push(() => servers.close())
    const keys = makeKeys(policy, tries)
    writeKeyFile(join(folder, 'keys.yaml'), keys.entries)
    const adminToken = randomText(40)
    const gateway = await startCopy(source, { folder, servers, adminToken, limits })
    closers.push(() => gateway.close())
    const client = new AttackClient()
    closers.push(() => client.close())
    const admin = { url: gateway.admin, token: adminToken }
    const lastAction = actionReader(join(folder, 'audit.jsonl'))
    const stage = { kind: 'copy', gate: gateway.data, admin, servers, client, lastAction } as const
    return { stage, keysFor: keys.keysFor, close }
  } catch (error) {
    await close()
    throw error
  }
}

interface Place {
  readonly folder: string
  readonly servers: ObservedServers
  readonly adminToken: string
  readonly limits: boolean
}

async function startCopy(
  source: CopySource,
  { folder, servers, adminToken, limits }: Place,
): Promise<Gateway> {
  const { policyFile: original, policy, io, scannerFor, value } = source
  const copy = copyPolicy(value, {
    folder: dirname(resolve(original)),
    servers: servers.urls,
    adminToken,
    limits,
  })
  const policyFile = join(folder, 'torwart.yaml')
  writeFileSync(policyFile, stringify(copy), { mode: 0o600 })
  if (existsSync(exceptionsFile(original))) copyFileSync(exceptionsFile(original), exceptionsFile(policyFile))
  const quiet: Io = { ...io, out() {}, err() {}, variables: {} }
  if (policy.modelTrust.require.has('digest')) await modelsLock.run({ config: policyFile, all: true }, quiet)
  return startGateway({
    policyFile,
    variables: {},
    log: createLog('fatal', { write() {} }),
    processes: io.processes,
    version: io.version,
    scannerFor,
    // What a change of a model does is waited for.
    intervals: { modelsMs: 200 },
  })
}

/** Makes a key for each try, and for each role one for harmless requests, one that was revoked and one that has expired. */
function makeKeys(policy: Policy, tries: readonly Try[]): Keys {
  const entries: KeyEntry[] = []
  const add = (role: string, more: Partial<KeyEntry> = {}) => {
    const { id, key } = mintKey()
    const created = new Date(Date.now() - 60_000).toISOString()
    entries.push({
      id,
      name: `attacker ${entries.length + 1}`,
      role,
      sha256: hashKey(key).toString('hex'),
      created,
      ...more,
    })
    return key
  }
  const approverKey = approverOf(policy, add)
  const past = new Date(Date.now() - 1000).toISOString()
  const ofRole = new Map(
    [...policy.roles.keys()].map((role) => [
      role,
      {
        control: add(role),
        revokedKey: add(role, { revoked: past }),
        expiredKey: add(role, { expires: past }),
      },
    ]),
  )
  const ofTry = new Map<Attack, Map<string, string>>()
  for (const { attack, subject } of tries) {
    const name = subject.role.name
    const keys = ofTry.get(attack) ?? new Map<string, string>()
    ofTry.set(attack, keys.set(name, add(name)))
  }
  return {
    entries,
    keysFor({ role: { name } }: Subject, attack) {
      const { control = '', revokedKey = '', expiredKey = '' } = ofRole.get(name) ?? {}
      const key = attack ? (ofTry.get(attack)?.get(name) ?? '') : control
      return { key, revokedKey, expiredKey, approverKey, wrongKey: mintKey().key }
    },
  }
}

/** A key that may decide about tool calls; empty if the admin token may. */
function approverOf(
  { approval, roles }: Policy,
  add: (role: string, more?: Partial<KeyEntry>) => string,
): string {
  const [named] = approval.approvers
  if (named === undefined) return ''
  const [anyRole = ''] = roles.keys()
  return roles.has(named) ? add(named) : add(anyRole, { name: named })
}

/** Reads what the newest records of an audit log say was done, from where it was read last. */
function actionReader(file: string): () => string | undefined {
  let at = 0
  return () => {
    const descriptor = openSync(file, 'r')
    try {
      const bytes = Buffer.alloc(Math.max(0, fstatSync(descriptor).size - at))
      at += readSync(descriptor, bytes, 0, bytes.length, at)
      const last = bytes.toString().trimEnd().split('\n').at(-1) ?? ''
      return actionIn(last)
    } finally {
      closeSync(descriptor)
    }
  }
}

function actionIn(line: string): string | undefined {
  const record = tryJson(line)
  const findings = isObject(record) ? objectsIn(record.findings) : []
  const acted = findings.find(({ action }) => action !== 'flag' && action !== 'allow')
  return acted && `${String(acted.guard)}: ${String(acted.id)} (${String(acted.action)})`
}
