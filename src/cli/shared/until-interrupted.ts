/** Waiting between two looks of a command that follows something. */
import type { Io } from '../command.ts'

/** @returns a function that waits `lookMs`, and resolves with false once the user wants to stop */
export function untilInterrupted(io: Pick<Io, 'on'>, lookMs: number): () => Promise<boolean> {
  let over = false
  let wake = () => {}
  const stop = () => {
    over = true
    wake()
  }
  io.on('SIGINT', stop)
  io.on('SIGTERM', stop)
  return async () => {
    if (over) return false
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, lookMs)
      wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
    return !over
  }
}
