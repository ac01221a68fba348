/** On which routes the output guard reads responses. */
import type { Exchange, RouteGroup } from '../../dialects/dialect.ts'
import type { Role } from '../../policy/policy.ts'

/** Whose responses could say what they must not; numbers and progress cannot. */
const speaks: ReadonlySet<RouteGroup> = new Set([
  'chat',
  'completions',
  'audio',
  'images',
  'realtime',
  'rerank',
  'tokenize',
  'moderations',
])

/** Tells whether the output guard reads what a model server answers here. */
export function guardsResponse(
  { group, answer }: Pick<Exchange, 'group' | 'answer'>,
  { outputGuard }: Pick<Role, 'outputGuard'>,
): boolean {
  return outputGuard.mode !== 'off' && answer === undefined && speaks.has(group)
}
