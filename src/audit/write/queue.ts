/** Work on closed segments, one piece at a time and in order: nobody compresses what another is just rewriting. */
export interface Queue {
  /** @returns the outcome of the work, once its turn has come */
  do<T>(work: () => Promise<T>): Promise<T>
  /** Resolves when nothing is left to do; what comes later is refused. */
  stop(): Promise<void>
}

/** Makes an empty queue. */
export function createQueue(): Queue {
  let last: Promise<unknown> = Promise.resolve()
  let stopped = false
  return {
    do<T>(work: () => Promise<T>): Promise<T> {
      if (stopped) return Promise.reject(new Error('the audit log is closing'))
      const result = last.then(work)
      last = result.catch(() => {})
      return result
    },
    async stop() {
      stopped = true
      await last
    },
  }
}
