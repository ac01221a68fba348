/** Retrying while a connection is being made. */

const pauseMs = 50

/**
 * Repeats a call until it succeeds, for a few seconds at most: a connection to Redis takes a moment to be made.
 * @param mayRetry whether an error is worth another try; others are thrown
 * @returns what the call resolves with; undefined if it did not succeed within `forMs`
 */
export async function retry<T>(
  call: () => Promise<T>,
  forMs: number,
  mayRetry: (error: unknown) => boolean = () => true,
): Promise<T | undefined> {
  for (const end = Date.now() + forMs; ; ) {
    try {
      return await call()
    } catch (error) {
      if (!mayRetry(error)) throw error
      if (Date.now() >= end) return undefined
      await new Promise((resolve) => setTimeout(resolve, pauseMs))
    }
  }
}
