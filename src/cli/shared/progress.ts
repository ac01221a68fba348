/** Progress on stderr: only on a terminal, and only after a second. */
import type { Io } from '../command.ts'

/** A line on stderr that shows how far a command is. */
export interface Progress {
  tell(count: number): void
  /** Removes the line. */
  end(): void
}

const patienceMs = 1000
const everyMs = 200

/** Creates a progress line. @param what is counted, in the plural @param now milliseconds, for tests */
export function progressOf(
  io: Pick<Io, 'err' | 'terminal'>,
  what: string,
  now: () => number = () => performance.now(),
): Progress {
  const begunMs = now()
  let shownMs = begunMs + patienceMs - everyMs
  let shown = false
  return {
    tell(count) {
      const nowMs = now()
      if (!io.terminal || nowMs - shownMs < everyMs) return
      shownMs = nowMs
      shown = true
      const perSecond = Math.round((count * 1000) / (nowMs - begunMs))
      io.err(`\r\x1b[K${count} ${what}, ${perSecond} a second`)
    },
    end() {
      if (shown) io.err('\r\x1b[K')
    },
  }
}
