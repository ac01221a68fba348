/** Progress of counting, on stderr. */
import type { Io } from '../command.ts'
import { statusLine } from './status-line.ts'

/** A line on stderr that shows how far a command is. */
export interface Progress {
  tell(count: number): void
  /** Removes the line. */
  end(): void
}

/** Creates a progress line. @param what is counted, in the plural @param now milliseconds, for tests */
export function progressOf(
  io: Pick<Io, 'err' | 'terminal'>,
  what: string,
  now: () => number = () => performance.now(),
): Progress {
  const line = statusLine(io, now)
  return {
    tell: (count) => line.show((seconds) => `${count} ${what}, ${Math.round(count / seconds)} a second`),
    end: line.end,
  }
}
