/**
 * Reads a `multipart/form-data` body (RFC 7578) with `@fastify/multipart`: every field once, one file called `file`,
 * limited in size, number and time. What is forwarded is built anew, so that no second parser reads the caller's
 * boundaries. A repeated field is refused, because some servers take the first one and others the last.
 */
import { extname } from 'node:path'
import type {} from '@fastify/multipart'
import type { FastifyRequest } from 'fastify'
import { errorCode } from '../../core/error-code.ts'
import type { Hold } from '../../core/held-bytes.ts'
import type { JsonObject } from '../../core/json.ts'
import { Refusal } from '../../core/refusal.ts'
import type { Upload } from '../../dialects/dialect.ts'
import type { Form } from '../../pipeline/ports.ts'
import { requireFits, requireNoExpectation, tooLarge } from './body.ts'

const maxFields = 32
const maxFieldLength = 64 * 1024
const plainType = /^[a-z]{1,32}\/[a-z0-9.+-]{1,64}$/
const plainExtension = /^\.[a-z0-9]{1,8}$/

/**
 * Reads a whole form.
 * @param limit bytes of the whole body
 * @param timeoutMs for the whole body
 * @param hold counts the bytes towards the memory of all requests
 * @throws Refusal `body_too_large`, `unsupported_media_type`, `invalid_request` or `overloaded`
 */
export async function readForm(
  request: FastifyRequest,
  limit: number,
  timeoutMs: number,
  hold: Pick<Hold, 'body'>,
): Promise<Form> {
  if (!request.isMultipart())
    throw new Refusal('unsupported_media_type', { say: 'The request body must be multipart/form-data.' })
  if (request.headers['content-encoding'] !== undefined)
    throw new Refusal('unsupported_media_type', { say: 'A form must not be compressed.' })
  requireFits(request.headers, limit)
  requireNoExpectation(request.headers)
  const bounds = boundsOf(request, limit, timeoutMs, hold)
  try {
    return await Promise.race([readParts(request, limit), bounds.exceeded])
  } catch (thrown) {
    throw thrown instanceof Refusal ? thrown : asFormRefusal(thrown)
  } finally {
    bounds.lift()
  }
}

/** Limits all that arrives, including what is around the parts. */
function boundsOf({ raw }: FastifyRequest, limit: number, timeoutMs: number, hold: Pick<Hold, 'body'>) {
  let count: (piece: Buffer) => void = () => {}
  let late: NodeJS.Timeout | undefined
  const exceeded = new Promise<never>((_, reject) => {
    let length = 0
    count = (piece) => {
      length += piece.length
      if (length > limit) return reject(tooLarge(limit))
      try {
        hold.body(length)
      } catch (overloaded) {
        reject(overloaded)
      }
    }
    const refusal = new Refusal('invalid_request', { say: 'The form took too long to arrive.' })
    late = setTimeout(() => reject(refusal), timeoutMs)
  })
  // Removed before the rest of a refused form is discarded.
  const lift = () => {
    clearTimeout(late)
    raw.off('data', count)
  }
  // Listening starts the stream, so the parser must be attached in the same turn.
  raw.on('data', count)
  return { exceeded, lift }
}

async function readParts(request: FastifyRequest, limit: number): Promise<Form> {
  const fields: JsonObject = {}
  let file: Upload | undefined
  const limits = {
    fileSize: limit,
    files: 1,
    fields: maxFields,
    parts: maxFields + 1,
    fieldSize: maxFieldLength,
    fieldNameSize: 100,
    headerPairs: 16,
  }
  for await (const part of request.parts({ limits })) {
    if (part.type === 'file') {
      if (part.fieldname !== 'file')
        throw new Refusal('invalid_request', { say: 'The file field of the form must be named `file`.' })
      const bytes = new Uint8Array(await part.toBuffer())
      file = { name: nameOf(part.filename), type: typeOf(part.mimetype), bytes }
    } else {
      if (Object.hasOwn(fields, part.fieldname))
        throw new Refusal('invalid_request', { say: 'A field of the form occurs twice.' })
      if (typeof part.value !== 'string')
        throw new Refusal('invalid_request', { say: 'A field of the form is not a text.' })
      if (part.fieldnameTruncated || part.valueTruncated)
        throw new Refusal('invalid_request', { say: 'A field of the form is too long.' })
      if (part.value.includes('\ufffd') || !part.value.isWellFormed())
        throw new Refusal('invalid_request', { say: 'The form is not valid UTF-8.' })
      fields[part.fieldname] = part.value
    }
  }
  if (file === undefined) throw new Refusal('invalid_request', { say: '`file` is missing.' })
  return { fields, file }
}

/** Keeps the extension, which servers go by, and nothing else of the caller's file name. */
function nameOf(filename: string): string {
  const extension = extname(filename).toLowerCase()
  return `upload${plainExtension.test(extension) ? extension : ''}`
}

function typeOf(mimetype: string): string {
  const type = mimetype.toLowerCase()
  return plainType.test(type) ? type : 'application/octet-stream'
}

function asFormRefusal(thrown: unknown): Refusal {
  const code = errorCode(thrown)
  if (code === 'FST_REQ_FILE_TOO_LARGE') return new Refusal('body_too_large')
  return new Refusal('invalid_request', {
    say: 'The form cannot be read.',
    detail: code === '' ? 'the form cannot be read' : code,
    cause: thrown,
  })
}
