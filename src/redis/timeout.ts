/** An answer within a time, or an error: for servers that hang. */

/** A server did not answer in time. */
export class NoAnswer extends Error {
  override readonly name = 'Timeout'
}

/**
 * Bounds the time of an answer. On a busy event loop the answer may have been waiting: the sockets are looked at
 * once more before giving up.
 * @throws NoAnswer after `ms` milliseconds
 */
export function within<T>(answer: Promise<T>, ms: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => setImmediate(() => reject(new NoAnswer('no answer in time'))), ms)
    // One chain and not three: this is on the way of every request, thrice.
    answer.then(
      (value) => {
        clearTimeout(timer)
        resolve(value)
      },
      (error: unknown) => {
        clearTimeout(timer)
        reject(error)
      },
    )
  })
}
