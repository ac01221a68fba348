/** Tells when nothing has left for a while, each time again, until it is ended. */
export interface Silence {
  /** Something has left. */
  broken(): void
  end(): void
}

export function onSilence(ms: number, tell: () => void): Silence {
  const timer = setTimeout(() => {
    tell()
    timer.refresh()
  }, ms)
  return {
    // Asked with every write: to move a timer costs a tenth of making one.
    broken: () => void timer.refresh(),
    end: () => clearTimeout(timer),
  }
}
