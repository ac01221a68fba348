/** Answers carry the name that the client asked for: an alias, another spelling. */
import { isObject, type JsonObject } from '../core/json.ts'
import type { ModelNames } from './dialect.ts'
import type { Frame } from './framing/framing.ts'

/** The same object if there is nothing to change. */
export function asAsked(answer: JsonObject, { asked, served }: ModelNames): JsonObject {
  return asked !== served && answer.model === served ? { ...answer, model: asked } : answer
}

/**
 * The same for a frame.
 * @param document what the frame holds
 * @param member where in it the model's name stands, if not at its top
 */
export function frameAsAsked(frame: Frame, document: JsonObject, names: ModelNames, member?: string): Frame {
  const answer = member === undefined ? document : document[member]
  if (!isObject(answer)) return frame
  const named = asAsked(answer, names)
  if (named === answer) return frame
  const whole = member === undefined ? named : { ...document, [member]: named }
  return { ...frame, data: JSON.stringify(whole) }
}
