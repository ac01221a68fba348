/**
 * Stages 3 and 6: may this caller use this route, and then: this model, these images, so many tools? Which servers
 * have the model is found out here, because what a model's name is depends on them. What policy merely lowers,
 * `prepare.ts` lowers.
 */

import { fingerprintId, shownIds, shownRoles } from '../../auth/identity.ts'
import { Refusal } from '../../core/refusal.ts'
import type { ServerKind } from '../../core/servers.ts'
import { isServedBy, type Prompt } from '../../dialects/dialect.ts'
import type { FreezeCheck } from '../../kill-switch/kill-switch.ts'
import { type DriftWatch, quarantineRefusal } from '../../model-trust/drift-watch.ts'
import { formatModel, parseModel } from '../../models/name.ts'
import type { Caps, Policy, Role } from '../../policy/policy.ts'
import type { Fleet, Target } from '../../upstreams/fleet.ts'
import {
  type Authenticated,
  type Authorised,
  type Destination,
  extend,
  type Parsed,
  type RequestContext,
} from '../context.ts'
import { ownerOf, type StoredResponses } from '../stored-responses.ts'

/** @throws Refusal `frozen` */
export function requireThawedCaller(request: Authenticated, freezes: FreezeCheck): void {
  if (isHeld(request, freezes)) throw new Refusal('frozen')
}

function isHeld(
  { identity, certificate, person }: Pick<Authenticated, 'identity' | 'certificate' | 'person'>,
  freezes: FreezeCheck,
): boolean {
  const ids = shownIds(identity)
  const all = certificate ? [...ids, fingerprintId(certificate.fingerprint)] : ids
  return freezes.holdsCaller(all, shownRoles(identity), person)
}

/** @throws Refusal `frozen`, `route_not_allowed`; `not_found` if no model server behind the gate has this route */
export function authoriseRoute(
  request: Authenticated,
  { endpoint }: Destination,
  freezes: FreezeCheck,
): void {
  const { role, policy } = request
  requireThawedCaller(request, freezes)
  if (!role.routes.has(endpoint.group)) {
    const { denied } = endpoint
    throw new Refusal('route_not_allowed', denied === undefined ? {} : { say: denied })
  }
  if (!policy.upstreams.some(({ kind }) => isServedBy(endpoint, kind)))
    throw new Refusal('not_found', { say: 'No model server behind the gateway has this route.' })
}

/** What the step works with. */
export interface AuthoriseParts {
  readonly fleet: Pick<Fleet, 'find' | 'isRemote'>
  readonly models: Pick<DriftWatch, 'doubt' | 'admits'>
  readonly stored: Pick<StoredResponses, 'find'>
  readonly freezes: FreezeCheck
}

/** @throws Refusal `model_not_allowed`, `model_quarantined`, `frozen`; `invalid_request` for what exceeds a cap that cannot be lowered */
export type AuthoriseModel = (request: Parsed) => Promise<Authorised>

/** Makes the step that finds and allows the model. */
export function createAuthoriseModel({ fleet, models, stored, freezes }: AuthoriseParts): AuthoriseModel {
  const targetOf = ({ prompt: { model }, endpoint, role, policy }: Parsed) => {
    if (endpoint.upload) return fileTarget(model, policy)
    if (endpoint.group === 'admin') return administered(model, role, policy, fleet)
    return fleet.find(model, role, policy, endpoint.servers)
  }
  return async (request) => {
    const { role, policy, prompt } = request
    // Whom it is from may stand in its body.
    requireThawedCaller(request, freezes)
    if (prompt.model === '') throw new Refusal('invalid_request', { say: '`model` is missing.' })
    const found = await targetOf(request)
    const wanted = found && (await continued(found, request, stored))
    if (wanted === undefined) throw new Refusal('model_not_allowed')
    // Who changes models must be able to mend one.
    const target = request.endpoint.group === 'admin' ? wanted : trusted(wanted, policy, models)
    requireWithin(prompt, role.caps)
    const others = (prompt.others ?? []).map((other) => administered(other, role, policy, fleet).model)
    for (const each of [target.model, ...others]) requireThawed(each, target.server, freezes)
    return extend(request, { model: { asked: prompt.model, served: target.model }, others, target })
  }
}

/**
 * Narrows the target to the server that has the beginning of the conversation. Only the caller that it was given to may
 * go on with it, and only while it may use the model. @throws Refusal `invalid_request`
 */
async function continued(target: Target, request: Parsed, stored: AuthoriseParts['stored']): Promise<Target> {
  const { previousResponseId: continues } = request.prompt
  // Ollama keeps no conversations and does not read the id, so it is left out.
  if (continues === undefined || target.server === 'ollama') return target
  const beginning = await stored.find(ownerOf(request), continues)
  const found = target.upstreams.find(({ name }) => name === beginning?.upstream)
  if (found && beginning && request.role.mayUse(beginning.model.served, found.kind))
    return { ...target, upstreams: [found] }
  throw new Refusal('invalid_request', {
    say: '`previous_response_id` is not known here. Send the whole conversation instead.',
  })
}

/** Narrows the target to the servers that serve the version of the lock file. @throws Refusal */
function trusted(target: Target, policy: Policy, models: AuthoriseParts['models']): Target {
  const { upstreams, model } = target
  if (policy.modelTrust.require.size === 0) return target
  const [first, ...others] = upstreams.filter((upstream) => models.admits(upstream, model, policy))
  if (first) return { ...target, upstreams: [first, ...others] }
  const doubt = models.doubt(upstreams[0], model, policy.modelTrust)
  // An Ollama is asked for what it does not list, because it knows better; not where versions count.
  if (!target.listed && (doubt?.kind === 'unlocked' || doubt?.kind === 'drifted'))
    throw new Refusal('model_not_allowed')
  throw doubt ? quarantineRefusal(doubt) : new Refusal('model_quarantined')
}

/**
 * Tells whether a request that is under way must end because its model is not trusted any more. One that still waits for
 * several servers, one of which would be wrong, may be tried again.
 */
export function lostTrust(
  { target, upstream, policy, endpoint }: RequestContext,
  models: AuthoriseParts['models'],
): 'model_quarantined' | 'upstream_unavailable' | undefined {
  if (target === undefined || endpoint?.group === 'admin') return undefined
  const places = upstream ? [upstream] : target.upstreams
  const lost = places.filter((each) => {
    // A server that is silent now has told once that it has the right version.
    const isSilent = models.doubt(each, target.model, policy.modelTrust)?.kind === 'unknown'
    return !isSilent && !models.admits(each, target.model, policy)
  })
  if (lost.length === 0) return undefined
  return lost.length < places.length ? 'upstream_unavailable' : 'model_quarantined'
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
function administered(asked: string, role: Role, policy: Policy, fleet: Pick<Fleet, 'isRemote'>): Target {
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

/** @throws Refusal `frozen` */
function requireThawed(model: string, server: ServerKind, freezes: FreezeCheck): void {
  if (freezes.holdsModel(model, server))
    throw new Refusal('frozen', { say: 'An operator has frozen this model.' })
}

/** Tells whether a request that is under way is about something that was frozen meanwhile. */
export function isFrozen(context: RequestContext, freezes: FreezeCheck): boolean {
  const { identity, certificate, person, target } = context
  if (identity && isHeld({ identity, certificate, person }, freezes)) return true
  return target !== undefined && freezes.holdsModel(target.model, target.server)
}
