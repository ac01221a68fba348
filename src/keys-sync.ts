/** Keeps a gateway's files of keys as the fleet's Redis has them (`keys.redis`). */
import { describeError } from './core/refusal.ts'
import { type SharedKeys, shareKeys } from './identity/shared-keys.ts'
import type { Policy } from './policy/policy.ts'
import type { Log } from './telemetry/log.ts'

/** Where nobody tells of a change, it is looked for. */
const everyMs = 1000
/** How long a start waits for Redis. */
const startMs = 1000
const retryMs = 50

export interface KeysSync {
  readonly shared: SharedKeys | undefined
  /** Called when the files changed. */
  onChange(): void
  close(): void
}

/** @returns once the files are up to date, or Redis was waited for long enough: then the copy holds */
export async function openKeysSync(
  atStart: Policy,
  policy: () => Policy,
  nowMs: () => number,
  log: Log,
): Promise<KeysSync> {
  const servers = atStart.store.redis
  if (!atStart.keysInRedis || !servers) return { shared: undefined, onChange: () => {}, close: () => {} }
  const shared = shareKeys(
    servers,
    () => policy().keysFile,
    nowMs,
    () => {},
  )
  let up = true
  let asking = false
  let again = false
  /** Until then a connection may just not be made yet. */
  const patientUntil = performance.now() + startMs
  const synchronise = async (): Promise<boolean> => {
    // What is told meanwhile is looked at afterwards.
    again = asking
    if (asking) return false
    asking = true
    try {
      do {
        again = false
        if (await shared.synchronise()) sync.onChange()
      } while (again)
      if (!up) log.info('keys are as redis has them again')
      up = true
      return true
    } catch (error) {
      if (up && performance.now() >= patientUntil) {
        up = false
        log.error({ cause: describeError(error) }, 'keys cannot be compared with redis; the copy holds')
      }
      return false
    } finally {
      asking = false
    }
  }
  const timer = setInterval(() => void synchronise(), everyMs)
  timer.unref()
  const sync: KeysSync = {
    shared,
    onChange: () => {},
    close() {
      clearInterval(timer)
      shared.close()
    },
  }
  while (!(await synchronise()) && performance.now() < patientUntil)
    await new Promise((resolve) => setTimeout(resolve, retryMs))
  shared.onNews(() => void synchronise())
  return sync
}
