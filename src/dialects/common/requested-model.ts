/** Responses carry the model name that the client asked for, which may be an alias or another spelling. */
import type { JsonObject } from '../../core/json.ts'
import type { ModelNames } from '../dialect.ts'

/** Puts the requested name in place of the served one. Returns the same object if there is nothing to change. */
export function withRequestedModel(answer: JsonObject, { asked, served }: ModelNames): JsonObject {
  return asked !== served && answer.model === served ? { ...answer, model: asked } : answer
}
