/**
 * Reads a request's body: JSON, bounded in size and time, decompressed under the same bound. What the bytes say is
 * not looked at here.
 */
import type { IncomingMessage } from 'node:http'
import { promisify } from 'node:util'
import * as zlib from 'node:zlib'
import { errorCode } from '../../core/error-code.ts'
import type { Hold } from '../../core/held-bytes.ts'
import { Refusal } from '../../core/refusal.ts'

/** A POST without a content type is taken for JSON: two widely used clients send none. */
function requireJson({ headers }: IncomingMessage): void {
  const type = headers['content-type']
  // Parameters other than the charset would be read by somebody else in some other way.
  const isJson =
    type === undefined || /^application\/json *(?:; *charset *= *"?utf-8"? *)?$/i.test(type.trim())
  if (!isJson && !isFromCurl(headers)) throw new Refusal('unsupported_media_type')
  requireNoExpectation(headers)
}

const formType = 'application/x-www-form-urlencoded'

/**
 * `curl -d` calls whatever it sends a form, and model servers read it as JSON. So may a form of another site in a browser,
 * which adds a certificate or a remembered password of its own accord: browsers say where a form comes from, and
 * nothing that does is taken for JSON.
 */
function isFromCurl({ 'content-type': type, origin, ...others }: IncomingMessage['headers']): boolean {
  return type === formType && origin === undefined && others['sec-fetch-site'] === undefined
}

/** A form that holds no JSON is told to be one, rather than to be broken JSON. */
function requireNoForm({ headers }: IncomingMessage, body: Buffer): void {
  if (headers['content-type'] === formType && !/^\s*[{[]/.test(body.toString('latin1', 0, 64)))
    throw new Refusal('unsupported_media_type')
}

export function requireNoExpectation({ expect }: IncomingMessage['headers']): void {
  if (expect !== undefined && expect.toLowerCase() !== '100-continue')
    throw new Refusal('invalid_request', { say: 'The Expect header asks for an unknown expectation.' })
}

export function tooLarge(limit: number): Refusal {
  return new Refusal('body_too_large', {
    say: `The request body is larger than the ${limit} bytes that this key may send (\`caps.body\` of its role, or \`admin.blob\` for model files).`,
  })
}

/** By its announced length, if there is one. */
export function requireFits(headers: IncomingMessage['headers'], limit: number): void {
  if (Number(headers['content-length'] ?? 0) > limit) throw tooLarge(limit)
}

type Decompress = (body: Buffer, options: { maxOutputLength: number }) => Promise<Buffer>

/** Node has zstd from 22.15 on. */
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
 * @param limit bytes, before and after decompressing; more are refused with `body_too_large`, by the announced length
 * if there is one
 * @param timeoutMs for all of it
 * @param hold what the request holds of the gate's memory
 * @throws Refusal; an Error without a code if the client leaves
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
    // As much as it may become, until it is known.
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

/** The body as it arrives, whatever it is; over `limit` bytes it ends with `body_too_large`. */
export async function* streamBody(request: IncomingMessage, limit: number): AsyncGenerator<Uint8Array> {
  requireFits(request.headers, limit)
  let length = 0
  // Kept open when it is left early: the refusal goes back on the same connection.
  for await (const piece of request.iterator({ destroyOnReturn: false })) {
    length += piece.length
    if (length > limit) throw tooLarge(limit)
    yield piece
  }
}
