/** A line on stderr that a command rewrites while it works: only on a terminal, and only after a second. */
import type { Io } from '../command.ts'

/** A line that is rewritten. */
export interface StatusLine {
  /** Shows a text, unless another one was shown just now. @param textOf given the seconds since the command began */
  show(textOf: (seconds: number) => string): void
  /** Removes the line. */
  end(): void
}

const delayMs = 1000
const everyMs = 200

/** Creates a line, of which nothing is seen yet. @param now milliseconds */
export function statusLine(io: Pick<Io, 'err' | 'terminal'>, now: () => number): StatusLine {
  const begunMs = now()
  let shownMs = begunMs + delayMs - everyMs
  let isShown = false
  return {
    show(textOf) {
      const nowMs = now()
      if (!io.terminal || nowMs - shownMs < everyMs) return
      shownMs = nowMs
      isShown = true
      io.err(`\r\x1b[K${textOf((nowMs - begunMs) / 1000)}`)
    },
    end() {
      if (isShown) io.err('\r\x1b[K')
    },
  }
}
