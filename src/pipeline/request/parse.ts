/**
 * Stage 5: bytes become a prompt. One strict reading; from here on the original bytes are gone.
 */
import { isUtf8 } from 'node:buffer'
import { isObject, JsonFault, type JsonObject, readJson } from '../../core/json.ts'
import { Refusal } from '../../core/refusal.ts'
import type { Exchange, Feature, Prompt } from '../../dialects/dialect.ts'
import type { Form } from '../ports.ts'

/** @throws Refusal `invalid_request` */
export function readPrompt(body: Buffer, endpoint: Exchange, allowed: ReadonlySet<Feature>): Prompt {
  return endpoint.read(readObject(body), allowed)
}

/** @throws Refusal `invalid_request` for what is no JSON object, or could be read in two ways */
export function readObject(body: Buffer): JsonObject {
  if (!isUtf8(body)) throw new Refusal('invalid_request', { say: 'The request body is not valid UTF-8.' })
  const document = strictly(body.toString('utf8'))
  if (!isObject(document))
    throw new Refusal('invalid_request', { say: 'The request body must be a JSON object.' })
  return document
}

/** A form's fields, each a string; what the file holds is nobody's to read here. */
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
