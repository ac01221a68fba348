/**
 * What a capability token may do. A token holds one grant for itself and one for every token it was made from; what
 * it may do is what its key's role may, cut by each of them in turn. So a token can never do more than any of those
 * above it, whatever its own grant says, and whatever becomes of the role.
 */
import Type, { type Static } from 'typebox'
import { matchesGlob } from '../../core/glob.ts'
import { tokenIdPattern } from '../../core/token-id.ts'
import { type RouteGroup, routeGroups } from '../../dialects/dialect.ts'
import { coversModels, modelMatcher } from '../../models/match.ts'
import { parsePattern } from '../../models/name.ts'
import type { Role } from '../../policy/policy.ts'

const modelPatterns = Type.Array(Type.String({ minLength: 1, maxLength: 256 }), { maxItems: 64 })
// A caller writes the pattern and the name it is compared with, and may offer hundreds of tools: all of it is short.
const toolPatterns = Type.Array(Type.String({ minLength: 1, maxLength: 64 }), { maxItems: 16 })
const maxToolLength = 128
const budget = Type.Integer({ minimum: 1, maximum: 1e12 })

/** Absent: as much as the one above. */
export const rights = {
  /** Without it, everything but `admin`, which has to be named. */
  routes: Type.Optional(Type.Array(Type.Enum([...routeGroups]), { maxItems: routeGroups.length })),
  models: Type.Optional(modelPatterns),
  tools: Type.Optional(toolPatterns),
  /** Requests that make a model work, and tokens read and written: of this token and all below it together. */
  requests: Type.Optional(budget),
  tokens: Type.Optional(budget),
}

/** The schema of a `Grant`. */
export const grantSchema = Type.Object(
  { id: Type.String({ pattern: tokenIdPattern }), ...rights },
  { additionalProperties: false },
)

/** What one token may do of what its parent may. */
export type Grant = Static<typeof grantSchema>

/** A grant before it has an id. */
export type Rights = Omit<Grant, 'id'>

/** Narrows a role by the grants of a token. @param grants the uppermost first */
export function narrow(role: Role, grants: readonly Grant[]): Role {
  return grants.reduce(narrowed, role)
}

function narrowed(role: Role, { id, routes, models, tools, requests, tokens }: Grant): Role {
  const may = modelMatcher(models ?? [])
  const wanted = new Set<RouteGroup>(routes ?? routeGroups.filter((group) => group !== 'admin'))
  return {
    ...role,
    routes: new Set([...role.routes].filter((group) => wanted.has(group))),
    models: models?.filter((pattern) => coversModels(role.models, pattern)) ?? role.models,
    mayUse: models ? (model, server) => role.mayUse(model, server) && may(model, server) : role.mayUse,
    mayCall: tools
      ? (tool) =>
          tool.length <= maxToolLength &&
          (role.mayCall?.(tool) ?? true) &&
          tools.some((pattern) => matchesGlob(pattern, tool))
      : role.mayCall,
    // What somebody has taken from a token on purpose is not for trying out.
    observesTools: role.observesTools && tools === undefined,
    budgets:
      requests === undefined && tokens === undefined
        ? role.budgets
        : [...role.budgets, { id, requests, tokens }],
  }
}

/**
 * Finds what a token is asked to give and its maker does not have. Refused when a token is made, so that nobody
 * is surprised later.
 * @param role what the one who asks may do
 * @returns it in a sentence
 */
export function excess(role: Role, { routes = [], models = [] }: Rights): string | undefined {
  const route = routes.find((group) => !role.routes.has(group))
  if (route !== undefined)
    return `\`routes\` names ${route}, which you cannot pass on. You can pass on ${some([...role.routes])}.`
  for (const model of models) {
    if (!parsePattern(model))
      return '`models` contains a text that is not a name or pattern of a local model.'
    if (!coversModels(role.models, model))
      return `\`models\` names ${model}, which you cannot pass on. You can pass on ${some(role.models)}.`
  }
  return undefined
}

/** A role may name models by the hundred. */
function some(names: readonly string[]): string {
  if (names.length === 0) return 'nothing'
  const shown = names.slice(0, 8).join(', ')
  return names.length > 8 ? `${shown} and ${names.length - 8} more` : shown
}
