/**
 * Stages 3 and 6: may this caller use this route, and then: this model, these images, so many tools? Which servers
 * have the model is found out here, because what a model's name is depends on them.
 * What policy merely lowers is lowered here, by the dialect that knows the parameter's name.
 */
import { Refusal } from '../core/refusal.ts'
import type { Exchange, Prompt } from '../dialects/dialect.ts'
import { parseModel, printModel } from '../models/name.ts'
import type { Caps, Policy, Role } from '../policy/policy.ts'
import type { Fleet, Target } from '../upstreams/fleet.ts'
import type { Call, Caller, Destination } from './exchange.ts'
import type { KeptAnswers } from './kept.ts'

/** @throws Refusal `route_not_allowed`; `not_found` if no model server behind the gate has this route */
export function authoriseRoute({ role, arrival }: Caller, { endpoint }: Destination): void {
  if (!role.routes.has(endpoint.group)) throw new Refusal('route_not_allowed')
  const { upstreams } = arrival.snapshot.policy
  if (!upstreams.some(({ kind }) => endpoint.servers?.includes(kind) ?? true))
    throw new Refusal('not_found', { say: 'No model server behind this gate has this route.' })
}

export function createAuthoriseModel(fleet: Fleet, kept: KeptAnswers) {
  return async (caller: Caller, endpoint: Exchange, prompt: Prompt): Promise<Call> => {
    const { role, arrival } = caller
    if (prompt.model === '') throw new Refusal('invalid_request', { say: '`model` is missing.' })
    const { policy } = arrival.snapshot
    const found =
      endpoint.group === 'admin'
        ? administered(prompt.model, role, policy, fleet, endpoint.upload)
        : await fleet.find(prompt.model, role, policy, endpoint.servers)
    const target = found && continued(found, caller, prompt, kept)
    if (target === undefined) throw new Refusal('model_not_allowed')
    requireWithin(prompt, role.caps)
    const { model, server } = target
    const others = (prompt.others ?? []).map((other) => administered(other, role, policy, fleet).model)
    const { outputTokens, contextTokens, choices } = role.caps
    const orders = { model, others, server, outputTokens, contextTokens, choices }
    const outgoing = endpoint.prepare(prompt, orders)
    return { caller, endpoint, prompt, model: { asked: prompt.model, served: model }, target, outgoing }
  }
}

/** Only where its beginning is kept, and only for the caller it was given to. @throws Refusal `invalid_request` */
function continued(target: Target, { identity }: Caller, { continues }: Prompt, kept: KeptAnswers): Target {
  if (continues === undefined) return target
  const { upstream } = kept.find(identity.id, continues) ?? {}
  const found = target.upstreams.find(({ name }) => name === upstream)
  if (found) return { ...target, upstreams: [found] }
  throw new Refusal('invalid_request', {
    say: '`previous_response_id` is not known here. Send the whole conversation instead.',
  })
}

/**
 * A model that an administrator names: it need not exist yet. Models are changed on the first Ollama of the policy;
 * what the others have is their own administrators' business.
 * @throws Refusal `model_not_allowed`
 */
function administered(
  asked: string,
  role: Role,
  { upstreams }: Policy,
  fleet: Fleet,
  isFile = false,
): Target {
  const server = 'ollama'
  const upstream = upstreams.find(({ kind }) => kind === server)
  // A file has no name but its digest; which models it may become part of is judged when one is made.
  if (upstream && isFile) return { server, model: asked, listed: false, digest: asked, upstreams: [upstream] }
  const name = parseModel(asked)
  const model = name && printModel(name)
  if (!upstream || !name || !model || !role.admin.registries.has(name.host) || !role.mayUse(model, server))
    throw new Refusal('model_not_allowed')
  // A copy of a name that stands for a model on another host would be one that nobody knows.
  if (fleet.isRemote(upstream, model)) throw new Refusal('model_not_allowed')
  return { server, model, listed: false, digest: null, upstreams: [upstream] }
}

/** What cannot be lowered without changing what was asked. @throws Refusal `invalid_request` */
function requireWithin({ counts, tools }: Prompt, caps: Caps): void {
  if (counts.images > caps.images)
    refuse(caps.images === 0 ? 'Images are not allowed for this key.' : 'Too many images.')
  if (counts.imageBytes > caps.imageBytes) refuse('The images are too large.')
  if (counts.stops > caps.stops) refuse('Too many stop sequences.')
  if (tools.length > caps.tools) refuse('Too many tools.')
  if (counts.schema > caps.schema) refuse('The schema of the answer is too large.')
}

function refuse(say: string): never {
  throw new Refusal('invalid_request', { say })
}
