/**
 * Why a request would be allowed or refused, in words: the same questions, asked of the same policy in the same order as
 * the stages ask them. It knows the policy and not the servers: whether they have the model is asked there. What is frozen
 * or quarantined it is told.
 */
import { personIn } from '../core/person.ts'
import { type RefusalCode, refusals } from '../core/refusal.ts'
import type { ServerKind } from '../core/servers.ts'
import { type Endpoint, isServedBy, type RouteGroup } from '../dialects/dialect.ts'
import { dialects } from '../dialects/dialects.ts'
import type { KillSwitch } from '../kill-switch/kill-switch.ts'
import { modelMatcher } from '../models/match.ts'
import { canonicalFor } from '../models/name.ts'
import type { Limits, Policy, Role } from '../policy/policy.ts'
import { tightInWords, tightLimits } from '../policy/token-room.ts'

const ownRoutes = new Set(['/torwart/v1/tokens', '/torwart/v1/jwks'])

/** One answer, in words. */
export interface Reason {
  readonly allowed: boolean
  readonly words: string
}

/** What is asked; what is undefined is not asked. */
export interface Question {
  /** Whose rights these are: of a role, or of a token, which may have less. */
  readonly whose: string
  /** A group of routes, or a path. */
  readonly route: string | undefined
  readonly model: string | undefined
  readonly tool: string | undefined
  readonly person: string | undefined
}

/** What stands in the way beside the policy. */
export interface Obstacles {
  readonly freezes: Pick<KillSwitch, 'holdsCaller' | 'holdsModel'>
  /** Why a model is quarantined at all servers of a kind; undefined: it is not, as far as is known. */
  quarantine(model: string, kind: ServerKind): string | undefined
}

/**
 * Explains what a role, or a token of it, may do under a policy.
 * @param holder id of the key or caller
 */
export function explain(
  role: Role,
  holder: string,
  { whose, route, model, tool, person }: Question,
  policy: Policy,
  obstacles: Obstacles,
): readonly Reason[] {
  const { freezes } = obstacles
  const reasons: Reason[] = []
  if (freezes.holdsCaller([holder], [role.name]))
    reasons.push(refused('frozen', `the caller, its role, or everything is frozen (run \`torwart freezes\`)`))
  if (person !== undefined) reasons.push(ofPerson(person, role, freezes))
  if (route !== undefined) reasons.push(ofRoute(route, role, whose, policy))
  if (model !== undefined) {
    // Who changes models must be able to mend one.
    const changes = route !== undefined && endpointsOf(route).every(({ group }) => group === 'admin')
    const quarantine = changes ? () => undefined : obstacles.quarantine
    reasons.push(...ofModel(model, role, whose, policy, { freezes, quarantine }))
  }
  if (tool !== undefined) reasons.push(ofTool(tool, role, whose))
  if (route === undefined || endpointsOf(route).some(({ group }) => generates.has(group)))
    reasons.push(...ofTokens(model, role, policy))
  return reasons
}

function ofRoute(asked: string, { routes }: Role, whose: string, { upstreams }: Policy): Reason {
  const endpoints = endpointsOf(asked)
  const groups = endpoints.map(({ group }) => group)
  const has = `${whose} has ${[...routes].join(', ') || 'none'}`
  if (ownRoutes.has(asked))
    return allowed(`route ${asked}: a route of the gateway itself, for every key and token`)
  const [group] = groups
  if (group === undefined) return refused('not_found', `route ${asked}: no dialect declares it`)
  const said = group === asked ? `route group ${asked}` : `route ${asked}, in the group \`${group}\``
  if (!groups.some((each) => routes.has(each))) return refused('route_not_allowed', `${said}: ${has}`)
  if (!endpoints.some((endpoint) => upstreams.some(({ kind }) => isServedBy(endpoint, kind))))
    return refused('not_found', `${said}: no server in \`upstreams\` is of a kind that has it`)
  return allowed(`${said}: ${has}`)
}

function ofPerson(asked: string, { person, name }: Role, freezes: Pick<KillSwitch, 'holdsCaller'>): Reason {
  const said = `person ${asked}`
  if (!person) return allowed(`${said}: the role \`${name}\` has no \`person\`, so nobody is told apart`)
  const id = personIn(asked)
  if (id === undefined) return refused('invalid_request', `${said}: this is not the id of a person`)
  if (freezes.holdsCaller([], [], id)) return refused('frozen', `${said}: the person is frozen`)
  const where = person.header === undefined ? 'the body' : `the header \`${person.header}\``
  return allowed(`${said}: named by ${where}`)
}

/** Whose answers have a length that is reserved. */
const generates: ReadonlySet<RouteGroup> = new Set(['chat', 'completions'])

/** What is refused whoever asks, unless a shorter answer is asked for. */
function ofTokens(
  asked: string | undefined,
  { name, limits, shared, person, group = '', caps, budgets }: Role,
  { aliases, models, upstreams, groups, limits: ofAll }: Policy,
): Reason[] {
  const target = asked === undefined ? undefined : (aliases.get(asked) ?? asked)
  const rule = models.find(({ matches }) =>
    upstreams.some(({ kind }) => {
      const model = target === undefined ? undefined : canonicalFor(kind, target)
      return model !== undefined && matches(model, kind)
    }),
  )
  const counted = [
    { path: ['roles', name, 'limits'], limits },
    { path: ['roles', name, 'shared'], limits: shared },
    { path: ['limits'], limits: ofAll },
    { path: ['roles', name, 'limits', 'perPerson'], limits: (person && limits.perPerson) ?? {} },
    { path: ['groups', group], limits: groups.get(group) ?? {} },
    ...(rule ? [{ path: ['models', rule.pattern, 'limits'], limits: rule.limits }] : []),
    ...budgets.map(({ id, tokens }) => ({ path: ['budget of token', id], limits: { tokensPerDay: tokens } })),
  ]
  const tight = tightLimits(counted, caps.outputTokens, rule?.weight ?? 1)
  return tight.map((each) => refused('invalid_request', tightInWords(each)))
}

/** Of arguments nothing is known here: they are judged when the call is made. */
function ofTool(tool: string, { mayCall, tools }: Role, whose: string): Reason {
  if (mayCall === undefined) return allowed(`tool ${tool}: calls of ${whose} are recorded and not restricted`)
  if (!mayCall(tool)) return refused('tool_not_allowed', `tool ${tool}: not in \`tools\` of ${whose}`)
  const { approval = false, rules = false } = tools?.asks(tool) ?? {}
  const more = [
    approval ? 'after a human’s approval' : '',
    rules ? 'if its arguments comply with the rules' : '',
  ]
  const said = [`tool ${tool}: in \`tools\` of ${whose}`, ...more.filter(Boolean)]
  return allowed(said.join(', '))
}

/** @param asked a group, or a path */
function endpointsOf(asked: string): readonly Endpoint[] {
  const endpoints = dialects.flatMap((dialect) => dialect.endpoints)
  return endpoints.filter(({ group, path }) => group === asked || isOf(path, asked))
}

/** A declared path may end with one parameter. */
function isOf(path: string, asked: string): boolean {
  const [fixed = '', parameter] = path.split(':')
  return parameter === undefined ? path === asked : asked.startsWith(fixed) && asked.length > fixed.length
}

function ofModel(
  asked: string,
  { models, mayUse }: Role,
  whose: string,
  { aliases, upstreams }: Policy,
  { freezes, quarantine }: Obstacles,
): Reason[] {
  const target = aliases.get(asked) ?? asked
  const said = target === asked ? `model ${asked}` : `model ${asked}, an alias of ${target}`
  const kinds = [...new Set(upstreams.map(({ kind }) => kind))]
  for (const kind of kinds) {
    const model = canonicalFor(kind, target)
    if (model === undefined || !mayUse(model, kind)) continue
    const doubt = quarantine(model, kind)
    if (doubt !== undefined) return [refused('model_quarantined', `${said}: ${doubt}`)]
    if (freezes.holdsModel(model, kind)) return [refused('frozen', `${said}: the model is frozen`)]
    // A token may have a wider pattern than its key has now.
    const pattern = models.find((each) => modelMatcher([each])(model, kind)) ?? model
    return [allowed(`${said}: \`${pattern}\` in \`models\` of ${whose}`)]
  }
  const has = models.length === 0 ? 'which names none' : `which names ${models.join(', ')}`
  const hint = kinds.includes('ollama') ? latestMeant(target, models) : ''
  return [refused('model_not_allowed', `${said}: not in \`models\` of ${whose}, ${has}${hint}`)]
}

/** Who writes `qwen3` means every qwen3 more often than `qwen3:latest`. */
function latestMeant(asked: string, models: readonly string[]): string {
  const bare = models.find((name) => !name.includes(':') && modelMatcher([`${name}:*`])(asked, 'ollama'))
  return bare === undefined
    ? ''
    : `. With Ollama, \`${bare}\` covers ${bare}:latest only, and \`${bare}:*\` every tag`
}

function allowed(words: string): Reason {
  return { allowed: true, words: `allowed: ${words}` }
}

function refused(code: RefusalCode, words: string): Reason {
  return { allowed: false, words: `refused with ${refusals[code].status} ${code}: ${words}` }
}

/** The limits there are, each with its number. */
export function limitsInWords(limits: Limits): readonly string[] {
  const { repetition, perPerson, ...counts } = limits
  const inWords = (each: object) =>
    Object.entries(each).flatMap(([name, count]) => (count === undefined ? [] : [`${name} ${count}`]))
  const words = inWords(counts)
  words.push(...inWords(perPerson ?? {}).map((each) => `per person ${each}`))
  if (repetition) words.push(`repetition ${repetition.same} in ${repetition.windowMs / 1000} s`)
  return words
}
