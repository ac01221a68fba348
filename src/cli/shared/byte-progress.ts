/** Progress of reading large files, on stderr. */
import type { Io } from '../command.ts'
import { statusLine } from './status-line.ts'

/** A line on stderr that shows how far reading is. */
export interface ByteProgress {
  /** Tells that so many bytes more were read. */
  add(bytes: number): void
  /** Removes the line. */
  end(): void
}

const barWidth = 24

/**
 * Creates a progress bar.
 * @param total bytes; 0: not known
 * @param now milliseconds, for tests
 */
export function byteProgress(
  io: Pick<Io, 'err' | 'terminal'>,
  total: number,
  now: () => number = () => performance.now(),
): ByteProgress {
  const line = statusLine(io, now)
  let done = 0
  return {
    add(bytes) {
      done += bytes
      line.show((seconds) => lineOf(done, total, seconds))
    },
    end: line.end,
  }
}

function lineOf(done: number, total: number, seconds: number): string {
  const rate = done / seconds
  const speed = `${megabytes(rate)} MB/s`
  if (total === 0) return `${megabytes(done)} MB, ${speed}`
  const share = Math.min(1, done / total)
  const filled = Math.round(share * barWidth)
  const bar = '#'.repeat(filled) + '.'.repeat(barWidth - filled)
  const left = Math.ceil(Math.max(0, total - done) / rate)
  return `[${bar}] ${megabytes(done)} of ${megabytes(total)} MB, ${speed}, ${left} s left`
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)
}
