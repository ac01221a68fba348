/** Records as the lines of a POST; taken when the receiver answers 2xx. Redirects are not followed. */
import { request } from 'undici'
import type { SinkTransport } from './message.ts'

const answerMs = 15_000

/**
 * Sends records by POST, one a line.
 * @param type the content type
 * @param token sent as `authorization: Bearer`
 */
export function createHttpTransport(url: string, type: string, token: string | undefined): SinkTransport {
  const closing = new AbortController()
  return {
    async send(records) {
      const { statusCode, body } = await request(url, {
        method: 'POST',
        headers: {
          'content-type': type,
          'user-agent': 'torwart',
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        },
        body: `${records.map(({ text }) => text).join('\n')}\n`,
        signal: AbortSignal.any([closing.signal, AbortSignal.timeout(answerMs)]),
      })
      await body.dump()
      if (statusCode < 200 || statusCode > 299) throw new Error(`it answers ${statusCode}`)
    },
    close: () => closing.abort(),
  }
}
