/**
 * Bytes become a prompt. One strict reading; from here on the original bytes are gone.
 */
import { isUtf8 } from 'node:buffer'
import { isObject, JsonFault, type JsonObject, readJson } from '../../core/json.ts'
import { Refusal } from '../../core/refusal.ts'
import type { Exchange, Feature, Prompt, RouteGroup } from '../../dialects/dialect.ts'
import { type Admitted, extend, type Parsed } from '../context.ts'
import type { Form, ResponseWriter } from '../ports.ts'
import type { SharedBodies } from './shared-items.ts'

/**
 * Reads the body, a form or an upload, whichever the route takes.
 * @throws Refusal `invalid_request`, `body_too_large` and its like; what ended the request while its body arrived
 */
export type Parse = (request: Admitted, endpoint: Exchange, writer: BodySource) => Promise<Parsed>

type BodySource = Pick<ResponseWriter, 'body' | 'form' | 'upload' | 'parameter'>

/** Whose bodies hold a conversation, which grows. */
const shares: ReadonlySet<RouteGroup> = new Set(['chat', 'realtime'])

/** Makes the step that reads bodies. @param bodies what is known of earlier ones */
export function createParse(bodies: SharedBodies): Parse {
  return async (request, endpoint, writer) =>
    extend(request, { endpoint, prompt: await promptOf(request, endpoint, writer, bodies) })
}

async function promptOf(
  { role, identity, cancellation }: Admitted,
  endpoint: Exchange,
  writer: BodySource,
  bodies: SharedBodies,
): Promise<Prompt> {
  const { bodyBytes } = role.caps
  if (endpoint.upload) {
    const prompt = endpoint.read({ name: writer.parameter }, role.allow)
    return { ...prompt, uploadStream: writer.upload(role.admin.blobBytes) }
  }
  if (endpoint.form) return readForm(await writer.form(bodyBytes), endpoint, role.allow)
  const body = await writer.body(bodyBytes)
  // Reading a large one takes longer than most of what is behind it.
  cancellation.throwIfOver()
  // Conversations come again with every step. Where data is marked as data, every request has other messages.
  const known = shares.has(endpoint.group) && !role.separate && isUtf8(body) && bodies.read(body, identity.id)
  if (known) return { ...endpoint.read(known.document, role.allow, known.items), derived: known.derived }
  return readPrompt(body, endpoint, role.allow)
}

/** Reads the bytes of a body. @throws Refusal `invalid_request` */
export function readPrompt(body: Buffer, endpoint: Exchange, allowed: ReadonlySet<Feature>): Prompt {
  return endpoint.read(readObject(body), allowed)
}

/** Reads a JSON object. @throws Refusal `invalid_request` for what is none, or could be read in two ways */
export function readObject(body: Buffer): JsonObject {
  if (!isUtf8(body)) throw new Refusal('invalid_request', { say: 'The request body is not valid UTF-8.' })
  const document = strictly(body.toString('utf8'))
  if (!isObject(document))
    throw new Refusal('invalid_request', { say: 'The request body must be a JSON object.' })
  return document
}

/** Reads a form's fields, each a string; what its file holds is not read here. */
export function readForm({ fields, file }: Form, endpoint: Exchange, allowed: ReadonlySet<Feature>): Prompt {
  return { ...endpoint.read(fields, allowed), file }
}

function strictly(text: string) {
  try {
    return readJson(text)
  } catch (error) {
    if (!(error instanceof JsonFault)) throw error
    throw new Refusal('invalid_request', { say: `The request body is not strict JSON: ${error.kind}.` })
  }
}
