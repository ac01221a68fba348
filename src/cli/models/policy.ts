/** What the commands about models take from the policy: its lock file, its model servers, and names of models at these. */
import type { Lock } from '../../model-trust/lock/lock.ts'
import { LockError, readLock } from '../../model-trust/lock/lock-file.ts'
import { canonicalFor } from '../../models/name.ts'
import { loadPolicy } from '../../policy/load.ts'
import type { Policy, Upstream } from '../../policy/policy.ts'
import { type Io, textOf, UsageError, type Values } from '../command.ts'

/** Loads the policy of a command. @throws PolicyError */
export function policyOf(values: Values, io: Io): Policy {
  return loadPolicy(textOf(values, 'config'), io.variables).policy
}

/** Reads the lock of a policy. @throws Error that says what is wrong with it */
export function lockOf({ modelTrust: { lockFile } }: Policy): Lock | undefined {
  try {
    return readLock(lockFile)
  } catch (error) {
    if (!(error instanceof LockError)) throw error
    throw new Error(`${lockFile}:${error.line}: ${error.message}`)
  }
}

/** @throws Error if there is none */
export function requireLock(policy: Policy): Lock {
  const lock = lockOf(policy)
  if (lock) return lock
  throw new Error(`There is no ${policy.modelTrust.lockFile}. Run \`torwart models lock --all\` to write it.`)
}

/** Returns the names of models that are given, canonical for every kind of server. @throws UsageError */
export function namesIn(words: readonly string[], upstreams: Policy['upstreams']): ReadonlySet<string> {
  const kinds = [...new Set(upstreams.map(({ kind }) => kind))]
  return new Set(
    words.flatMap((word) => {
      const names = kinds.flatMap((kind) => canonicalFor(kind, word) ?? [])
      if (names.length === 0) throw new UsageError(`${word} is not a name of a local model.`)
      return names
    }),
  )
}

/** Returns the model servers of a policy, or the one of this name. @param name empty: all @throws UsageError if there is none */
export function upstreamsOf({ upstreams }: Policy, name: string): readonly Upstream[] {
  const found = upstreams.filter((upstream) => name === '' || upstream.name === name)
  if (found.length > 0) return found
  const names = upstreams.map((upstream) => upstream.name).join(', ')
  throw new UsageError(`The policy has no model server ${name}. It has: ${names}.`)
}
