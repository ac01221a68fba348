/** Permissions of the files that the policy names, and of those that the gateway makes beside them. */
import { existsSync, readFileSync, type Stats, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { signingKeysFile } from '../../auth/tokens/signing-keys.ts'
import { errorCode } from '../../core/error-code.ts'
import type { Policy } from '../../policy/policy.ts'
import type { EnvFile, FileFacts, Looked } from '../facts.ts'

/** Folders above the policy in which a repository is looked for. */
const maxDepth = 12
const permissionBits = 0o7777

/** Reads the permissions of the policy, of keys and of other secrets. */
export function readSecretFiles(policyFile: string, policy: Policy): FileFacts[] {
  const tls = policy.listen.tls
  return [
    fact(policyFile, 'policy'),
    fact(dirname(policy.keysFile), 'key folder'),
    fact(policy.keysFile, 'key file'),
    fact(signingKeysFile(policy.keysFile), 'token signing key'),
    fact(`${policy.audit.file}.key`, 'signing key of the audit log'),
    fact(policy.modelTrust.signingFile, 'signing key of model tests'),
    ...(tls === undefined ? [] : [fact(tls.key, 'private key of TLS')]),
    ...policy.secretFiles.map((path) => fact(resolve(dirname(resolve(policyFile)), path), 'secret file')),
  ]
}

/** Reads the permissions of the audit log and its folder. */
export function readAuditFiles({ audit }: Policy): FileFacts[] {
  return [fact(audit.file, 'audit log'), fact(dirname(audit.file), 'folder of the audit log')]
}

function fact(path: string, name: string): FileFacts {
  const stats = statsOf(path)
  const isFolder = 'value' in stats && stats.value?.isDirectory() === true
  return {
    path,
    name,
    isFolder,
    mode: 'why' in stats ? stats : { value: stats.value && stats.value.mode & permissionBits },
  }
}

function statsOf(path: string): Looked<Stats | undefined> {
  try {
    return { value: statSync(path) }
  } catch (error) {
    const code = errorCode(error)
    return code === 'ENOENT' || code === 'ENOTDIR'
      ? { value: undefined }
      : { why: `cannot be looked at (${code})` }
  }
}

/** Finds `.env` files beside the policy and at the top of its Git repository. */
export function readEnvFiles(policyFile: string): EnvFile[] {
  const folder = dirname(resolve(policyFile))
  const repository = repositoryOf(folder)
  const folders = new Set([folder, ...(repository === undefined ? [] : [repository])])
  return [...folders].flatMap((each) => {
    const path = join(each, '.env')
    const stats = statsOf(path)
    if ('why' in stats || stats.value === undefined) return []
    const isTracked = repository !== undefined && ![repository, each].some(ignoresEnv)
    return [{ path, mode: stats.value.mode & permissionBits, isTracked }]
  })
}

function repositoryOf(start: string): string | undefined {
  let folder = start
  for (let depth = 0; depth < maxDepth; depth++) {
    if (existsSync(join(folder, '.git'))) return folder
    folder = dirname(folder)
  }
  return undefined
}

/** Reads only the common ways to write it (gitignore(5)). */
function ignoresEnv(folder: string): boolean {
  try {
    const lines = readFileSync(join(folder, '.gitignore'), 'utf8').split('\n')
    return lines.some((line) => /^(?:\/|\*\*\/)?(?:\.env\*?|\*\.env|\.\*)$/.test(line.trim()))
  } catch {
    return false
  }
}
