/** Tells when nothing has left for a while, each time again, until it is stopped. */
export interface IdleTimer {
  /** Something has left. */
  reset(): void
  stop(): void
}

/**
 * Starts a timer.
 * @param tell called after each `ms` without a `reset`
 */
export function startIdleTimer(ms: number, tell: () => void): IdleTimer {
  const timer = setTimeout(() => {
    tell()
    timer.refresh()
  }, ms)
  return {
    // Asked with every write: to move a timer costs a tenth of making one.
    reset: () => void timer.refresh(),
    stop: () => clearTimeout(timer),
  }
}
