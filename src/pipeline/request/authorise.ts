/**
 * Stages 3 and 6: may this caller use this route, and then: this model, these images, so many tools? Which servers
 * have the model is found out here, because what a model's name is depends on them.
 * What policy merely lowers is lowered here, by the dialect that knows the parameter's name.
 */

import { fingerprintId, shownIds, shownRoles } from '../../auth/identity.ts'
import { Refusal } from '../../core/refusal.ts'
import type { ServerKind } from '../../core/servers.ts'
import { type Exchange, isServedBy, type Prompt } from '../../dialects/dialect.ts'
import type { KillSwitch } from '../../kill-switch/kill-switch.ts'
import { formatModel, parseModel } from '../../models/name.ts'
import type { Caps, Policy, Role } from '../../policy/policy.ts'
import type { Fleet, Target } from '../../upstreams/fleet.ts'
import type { Call, Caller, Destination, RequestContext } from '../context.ts'
import { callRights } from '../response/tool-rights.ts'
import { type KeptAnswers, ownerOf } from '../stored-responses.ts'
import { spotlightingFor } from './spotlight.ts'

/** @throws Refusal `frozen` */
export function requireThawedCaller(caller: Caller, freezes: KillSwitch): void {
  if (isHeld(caller, freezes)) throw new Refusal('frozen')
}

function isHeld({ identity, incoming: { certificate } }: Caller, freezes: KillSwitch): boolean {
  const ids = shownIds(identity)
  const all = certificate ? [...ids, fingerprintId(certificate.fingerprint)] : ids
  return freezes.holdsCaller(all, shownRoles(identity))
}

/** @throws Refusal `frozen`, `route_not_allowed`; `not_found` if no model server behind the gate has this route */
export function authoriseRoute(caller: Caller, { endpoint }: Destination, freezes: KillSwitch): void {
  const { role, incoming } = caller
  requireThawedCaller(caller, freezes)
  if (!role.routes.has(endpoint.group)) {
    const { denied } = endpoint
    throw new Refusal('route_not_allowed', denied === undefined ? {} : { say: denied })
  }
  const { upstreams } = incoming.snapshot.policy
  if (!upstreams.some(({ kind }) => isServedBy(endpoint, kind)))
    throw new Refusal('not_found', { say: 'No model server behind the gateway has this route.' })
}

export function createAuthoriseModel(fleet: Fleet, kept: KeptAnswers, freezes: KillSwitch) {
  const targetOf = async (
    { model }: Prompt,
    { group, upload, servers }: Exchange,
    role: Role,
    policy: Policy,
  ) => {
    if (upload) return fileTarget(model, policy)
    if (group === 'admin') return administered(model, role, policy, fleet)
    return fleet.find(model, role, policy, servers)
  }
  return async (caller: Caller, endpoint: Exchange, prompt: Prompt): Promise<Call> => {
    const { role, incoming } = caller
    if (prompt.model === '') throw new Refusal('invalid_request', { say: '`model` is missing.' })
    const { policy } = incoming.snapshot
    const found = await targetOf(prompt, endpoint, role, policy)
    const target = found && continued(found, caller, prompt, kept)
    if (target === undefined) throw new Refusal('model_not_allowed')
    requireWithin(prompt, role.caps)
    const { model, server } = target
    const others = (prompt.others ?? []).map((other) => administered(other, role, policy, fleet).model)
    for (const each of [target.model, ...others]) requireThawed(each, target.server, freezes)
    const { outputTokens, contextTokens, choices, keepAlive } = role.caps
    const isWork = endpoint.cost === 'request' && endpoint.group !== 'admin'
    const told = isWork ? fleet.ownParameters(target) : {}
    const own = told instanceof Promise ? await told : told
    const mayCall = callRights(caller)
    const spotlighting = spotlightingFor(role, prompt)
    const caps = { outputTokens, contextTokens, choices, keepAlive }
    const outgoing = endpoint.prepare(prompt, {
      model,
      others,
      server,
      modelDefaults: own,
      ...caps,
      mayCall,
      spotlighting,
    })
    requireWhole(role, outgoing.leftOut)
    const names = { asked: prompt.model, served: model }
    const judged = { findings: [], stopped: [], approvals: new Map() }
    return { caller, endpoint, prompt, model: names, target, outgoing, spotlighting, judged }
  }
}

/**
 * Only where its beginning is kept, and only for the caller it was given to, which must still be one that may use the
 * model it was had with. @throws Refusal `invalid_request`
 */
function continued(
  target: Target,
  caller: Caller,
  { previousResponseId: continues }: Prompt,
  kept: KeptAnswers,
): Target {
  // Ollama keeps no conversations and does not read the id, so it is left out.
  if (continues === undefined || target.server === 'ollama') return target
  const beginning = kept.find(ownerOf(caller), continues)
  const found = target.upstreams.find(({ name }) => name === beginning?.upstream)
  if (found && beginning && caller.role.mayUse(beginning.model.served, found.kind))
    return { ...target, upstreams: [found] }
  throw new Refusal('invalid_request', {
    say: '`previous_response_id` is not known here. Send the whole conversation instead.',
  })
}

/**
 * Models are changed on the first Ollama of the policy; what the others have is their own administrators' business.
 * There is one: `authoriseRoute` has seen to it.
 */
function administeredAt({ upstreams }: Policy) {
  const upstream = upstreams.find(({ kind }) => kind === 'ollama')
  if (!upstream) throw new Refusal('model_not_allowed')
  return { server: 'ollama', listed: false, upstreams: [upstream] } as const
}

/** A file has no name but its digest; which models it may become part of is judged when one is made. */
function fileTarget(digest: string, policy: Policy): Target {
  return { ...administeredAt(policy), model: digest, digest }
}

/** A model that an administrator names: it need not exist yet. @throws Refusal `model_not_allowed` */
function administered(asked: string, role: Role, policy: Policy, fleet: Fleet): Target {
  const place = administeredAt(policy)
  const name = parseModel(asked)
  const model = name && formatModel(name)
  if (!name || !model || !role.admin.registries.has(name.host) || !role.mayUse(model, place.server))
    throw new Refusal('model_not_allowed')
  // A copy of a name that stands for a model on another host would be one that nobody knows.
  if (fleet.isRemote(place.upstreams[0], model)) throw new Refusal('model_not_allowed')
  return { ...place, model, digest: null }
}

/** What cannot be lowered without changing what was asked. @throws Refusal `invalid_request` */
function requireWithin({ counts, tools }: Prompt, caps: Caps): void {
  const tooMany = (what: string, count: number, key: 'images' | 'inputs' | 'stops' | 'tools') => {
    if (count > caps[key])
      refuse(
        `The request has ${count} ${what}, and this key may send ${caps[key]} (\`caps.${key}\` of its role).`,
      )
  }
  const tooLarge = (what: string, bytes: number, key: 'imageBytes' | 'schema') => {
    if (bytes > caps[key])
      refuse(`${what} ${bytes} bytes, and this key may send ${caps[key]} (\`caps.${key}\` of its role).`)
  }
  tooMany('images', counts.images, 'images')
  tooLarge('The images together have', counts.imageBytes, 'imageBytes')
  tooMany('texts to embed', counts.inputs, 'inputs')
  tooMany('stop sequences', counts.stops, 'stops')
  tooMany('tools', tools.length, 'tools')
  tooLarge('The schema of the response has', counts.schema, 'schema')
}

function refuse(say: string): never {
  throw new Refusal('invalid_request', { say })
}

/** @throws Refusal `invalid_request` if the role wants no request forwarded without these */
function requireWhole({ strict }: Role, leftOut: readonly string[] = []): void {
  if (!strict || leftOut.length === 0) return
  const what = leftOut.map((each) => `\`${each}\``).join(', ')
  refuse(
    leftOut.includes('previous_response_id')
      ? `${what}: the model server does not read it. Send the whole conversation instead.`
      : `${what}: not allowed for this key. Disable the tool in the client, or ask the operator for \`allow: [webSearch]\` or \`strict: false\` in the role.`,
  )
}

/** @throws Refusal `frozen` */
function requireThawed(model: string, server: ServerKind, freezes: KillSwitch): void {
  if (freezes.holdsModel(model, server))
    throw new Refusal('frozen', { say: 'An operator has frozen this model.' })
}

/** Whether a request that is under way is about something that was frozen meanwhile. */
export function isFrozen({ caller, call }: RequestContext, freezes: KillSwitch): boolean {
  if (caller && isHeld(caller, freezes)) return true
  return call !== undefined && freezes.holdsModel(call.target.model, call.target.server)
}
