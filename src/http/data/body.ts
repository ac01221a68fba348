/**
 * Reads a request body: JSON, limited in size and time, decompressed under the same limit. It does not look at the content.
 */
import type { IncomingMessage } from 'node:http'
import { promisify } from 'node:util'
import * as zlib from 'node:zlib'
import { errorCode } from '../../core/error-code.ts'
import type { Hold } from '../../core/held-bytes.ts'
import { Refusal } from '../../core/refusal.ts'

/** Accepts JSON, and a body without a content type, because two widely used clients send none. */
function requireJson({ headers }: IncomingMessage): void {
  const type = headers['content-type']
  // Other programs could interpret any parameter but the charset in their own way.
  const isJson =
    type === undefined || /^application\/json *(?:; *charset *= *"?utf-8"? *)?$/i.test(type.trim())
  if (!isJson && !isFromCurl(headers)) throw new Refusal('unsupported_media_type')
  requireNoExpectation(headers)
}

const formType = 'application/x-www-form-urlencoded'

/**
 * Tells whether a form may be JSON: `curl -d` sends JSON as a form, and model servers accept it. A form on another web site
 * could do the same with the user's certificate, but browsers add `Origin` or `Sec-Fetch-Site`.
 */
function isFromCurl({ 'content-type': type, origin, ...others }: IncomingMessage['headers']): boolean {
  return type === formType && origin === undefined && others['sec-fetch-site'] === undefined
}

/** Refuses a form that holds no JSON as a form, which is a better error than broken JSON. */
function requireNoForm({ headers }: IncomingMessage, body: Buffer): void {
  if (headers['content-type'] === formType && !/^\s*[{[]/.test(body.toString('latin1', 0, 64)))
    throw new Refusal('unsupported_media_type')
}

/** @throws Refusal `invalid_request` for an `Expect` other than `100-continue` (RFC 9110, 10.1.1) */
export function requireNoExpectation({ expect }: IncomingMessage['headers']): void {
  if (expect !== undefined && expect.toLowerCase() !== '100-continue')
    throw new Refusal('invalid_request', { say: 'The Expect header asks for an unknown expectation.' })
}

/** Makes the refusal for a body above the limit. @param limit bytes */
export function tooLarge(limit: number): Refusal {
  return new Refusal('body_too_large', {
    say: `The request body is larger than the ${limit} bytes that this key may send (\`caps.body\` of its role, or \`admin.blob\` for model files).`,
  })
}

/** Checks the `content-length`, if there is one. @throws Refusal `body_too_large` */
export function requireFits(headers: IncomingMessage['headers'], limit: number): void {
  if (Number(headers['content-length'] ?? 0) > limit) throw tooLarge(limit)
}

type Decompress = (body: Buffer, options: { maxOutputLength: number }) => Promise<Buffer>

/** Node has zstd from 22.15 on. A cast: the types of Node 20 lack it, and it is called like `gunzip`. */
const zstd = 'zstdDecompress' in zlib ? promisify(zlib.zstdDecompress as typeof zlib.gunzip) : undefined
const decoders: Readonly<Record<string, Decompress | undefined>> = {
  gzip: promisify(zlib.gunzip),
  zstd,
}

function decoderFor({ headers }: IncomingMessage): Decompress | undefined {
  const encoding = headers['content-encoding']?.trim().toLowerCase()
  if (encoding === undefined || encoding === 'identity') return undefined
  const decoder = Object.hasOwn(decoders, encoding) ? decoders[encoding] : undefined
  if (decoder) return decoder
  throw new Refusal('unsupported_media_type', {
    say: 'The request body must be uncompressed, or compressed with gzip or zstd.',
  })
}

async function decompress(decoder: Decompress, body: Buffer, limit: number): Promise<Buffer> {
  try {
    return await decoder(body, { maxOutputLength: limit })
  } catch (cause) {
    if (errorCode(cause) === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(limit)
    throw new Refusal('invalid_request', { say: 'The request body cannot be decompressed.', cause })
  }
}

/**
 * Reads a whole JSON body.
 * @param limit bytes, before and after decompression
 * @param timeoutMs for the whole body
 * @param hold counts the bytes towards the memory of all requests
 * @throws Refusal `body_too_large`, `unsupported_media_type`, `invalid_request` or `overloaded`
 * @throws Error if the client leaves
 */
export async function readBody(
  request: IncomingMessage,
  limit: number,
  timeoutMs: number,
  hold: Pick<Hold, 'body'>,
): Promise<Buffer> {
  requireJson(request)
  const decoder = decoderFor(request)
  const received = await receive(request, limit, timeoutMs, hold)
  let body = received
  if (decoder) {
    // Counts the largest possible size until the real one is known.
    hold.body(limit)
    body = await decompress(decoder, received, limit)
    hold.body(body.length)
  }
  requireNoForm(request, body)
  return body
}

async function receive(
  request: IncomingMessage,
  limit: number,
  timeoutMs: number,
  hold: Pick<Hold, 'body'>,
): Promise<Buffer> {
  requireFits(request.headers, limit)
  return new Promise((resolve, reject) => {
    const pieces: Buffer[] = []
    let length = 0
    const timer = setTimeout(
      () =>
        settle(() =>
          reject(new Refusal('invalid_request', { say: 'The request body took too long to arrive.' })),
        ),
      timeoutMs,
    )
    const settle = (outcome: () => void) => {
      clearTimeout(timer)
      request.off('data', onData).off('end', onEnd).off('error', onLeave).off('close', onLeave)
      outcome()
    }
    const onData = (piece: Buffer) => {
      length += piece.length
      if (length > limit) return settle(() => reject(tooLarge(limit)))
      try {
        hold.body(length)
      } catch (overloaded) {
        return settle(() => reject(overloaded))
      }
      pieces.push(piece)
    }
    const onEnd = () =>
      settle(() => resolve(pieces.length === 1 && pieces[0] ? pieces[0] : Buffer.concat(pieces, length)))
    const onLeave = () => settle(() => reject(new Error('the client left before its body was complete')))
    request.on('data', onData).on('end', onEnd).on('error', onLeave).on('close', onLeave)
  })
}

/** Yields any body as it arrives. @param limit bytes @throws Refusal `body_too_large` above it */
export async function* streamBody(request: IncomingMessage, limit: number): AsyncGenerator<Uint8Array> {
  requireFits(request.headers, limit)
  let length = 0
  // Keeps the connection open if the reader stops early, because the refusal leaves on it.
  for await (const piece of request.iterator({ destroyOnReturn: false })) {
    length += piece.length
    if (length > limit) throw tooLarge(limit)
    yield piece
  }
}
