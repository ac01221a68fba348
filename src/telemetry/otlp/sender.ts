/**
 * Sends one export by OTLP over HTTP, as JSON (https://opentelemetry.io/docs/specs/otlp/#otlphttp). Follows no redirect,
 * so that headers go nowhere but where the policy sends them, and reads of an answer only its beginning.
 */
import { request } from 'undici'

/** What a collector made of an export. */
export type Delivery =
  | { readonly outcome: 'taken'; readonly rejected: number }
  /** It may take it later. */
  | { readonly outcome: 'busy'; readonly cause: unknown }
  | { readonly outcome: 'refused'; readonly cause: unknown }

/** Where exports go. */
export interface Collector {
  /** Without a slash at its end. */
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
}

/** Sends to one collector. */
export interface Sender {
  /** Never rejects. @param path such as `/v1/traces` */
  send(path: string, body: Uint8Array): Promise<Delivery>
  /** Cuts off what is under way. */
  close(): void
}

const answerMs = 10_000
/** Bytes of an answer that are read; what collectors say is shorter. */
const maxAnswer = 16 * 1024
/** The specification names these retryable. */
const busy: ReadonlySet<number> = new Set([429, 502, 503, 504])

/** Makes a sender. */
export function createSender({ url, headers }: Collector): Sender {
  const closing = new AbortController()
  return {
    async send(path, body) {
      try {
        const { statusCode, body: answer } = await request(url + path, {
          method: 'POST',
          headers: { ...headers, 'content-type': 'application/json', 'user-agent': 'torwart' },
          body,
          signal: AbortSignal.any([closing.signal, AbortSignal.timeout(answerMs)]),
        })
        const said = await beginningOf(answer)
        if (statusCode >= 200 && statusCode < 300) return { outcome: 'taken', rejected: rejectedIn(said) }
        const cause = new TypeError(`the collector answers ${statusCode}`)
        return { outcome: busy.has(statusCode) ? 'busy' : 'refused', cause }
      } catch (cause) {
        return { outcome: 'busy', cause }
      }
    },
    close: () => closing.abort(),
  }
}

async function beginningOf(answer: AsyncIterable<Uint8Array>): Promise<string> {
  const read: Uint8Array[] = []
  let bytes = 0
  for await (const piece of answer) {
    read.push(piece)
    bytes += piece.length
    if (bytes > maxAnswer) break
  }
  return Buffer.concat(read).toString('utf8', 0, maxAnswer)
}

/** Of a partial success: how many spans or data points were not taken. */
function rejectedIn(answer: string): number {
  try {
    const { partialSuccess } = JSON.parse(answer) as { partialSuccess?: Record<string, unknown> }
    const rejected = Number(partialSuccess?.rejectedSpans ?? partialSuccess?.rejectedDataPoints ?? 0)
    return Number.isSafeInteger(rejected) && rejected > 0 ? rejected : 0
  } catch {
    // It was taken, in whatever words.
    return 0
  }
}
