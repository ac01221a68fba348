/** Whether a model is quarantined, as far as the lock file alone tells: for who does not ask the model servers. */
import { lockFaultOf } from '../model-trust/judge.ts'
import { lockStateOf } from '../model-trust/lock/lock-file.ts'
import type { Policy } from '../policy/policy.ts'
import type { Obstacles } from './explain.ts'

/**
 * Reads the lock file. Whether a server still has the version that is locked, and whether a signed test run admits it,
 * only the running gateway and `torwart models list` know.
 */
export function quarantineByLock({ modelTrust }: Policy): Obstacles['quarantine'] {
  const { require, onDrift, lockFile } = modelTrust
  if (require.size === 0 || onDrift !== 'refuse') return () => undefined
  const lock = lockStateOf(lockFile)
  if (lock.state !== 'read') return () => lockFaultOf(lock)
  return (model, kind) => {
    if (kind !== 'ollama') return 'servers of its kind do not tell which version they serve'
    const isLocked = lock.lock.models.some((each) => each.kind === kind && each.name === model)
    return isLocked ? undefined : 'not in the lock file'
  }
}
