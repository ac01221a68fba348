/** Answers carry the name that the client asked for: an alias, another spelling. */
import type { JsonObject } from '../../core/json.ts'
import type { ModelNames } from '../dialect.ts'

/** The same object if there is nothing to change. */
export function withRequestedModel(answer: JsonObject, { asked, served }: ModelNames): JsonObject {
  return asked !== served && answer.model === served ? { ...answer, model: asked } : answer
}
