/**
 * Stages 3 and 6: may this caller use this route, and then: this model, these images, so many tokens?
 * What policy merely lowers is lowered here, by the dialect that knows the parameter's name.
 */
import { Refusal } from '../core/refusal.ts'
import type { Exchange, Prompt } from '../dialects/dialect.ts'
import { parseModel, printModel } from '../models/name.ts'
import type { Policy, Role } from '../policy/policy.ts'
import type { Call, Caller, Destination } from './exchange.ts'

export function authoriseRoute(caller: Caller, { endpoint }: Destination): void {
  if (!caller.role.routes.has(endpoint.group)) throw new Refusal('route_not_allowed')
}

/** The canonical name of a model this role may use, or undefined; an alias of the policy goes first. */
export function servedModel(asked: string, role: Role, policy: Policy): string | undefined {
  const name = parseModel(policy.aliases.get(asked) ?? asked)
  return name && role.mayUse(name) ? printModel(name) : undefined
}

export function authoriseModel(caller: Caller, endpoint: Exchange, prompt: Prompt): Call {
  const { role, arrival } = caller
  if (prompt.model === '') throw new Refusal('invalid_request', { say: '`model` is missing.' })
  const served = servedModel(prompt.model, role, arrival.snapshot.policy)
  if (served === undefined) throw new Refusal('model_not_allowed')
  if (prompt.images > role.caps.images)
    throw new Refusal('invalid_request', {
      say: role.caps.images === 0 ? 'Images are not allowed for this key.' : 'Too many images.',
    })
  const { outputTokens, contextTokens } = role.caps
  const outgoing = endpoint.prepare(prompt, { model: served, outputTokens, contextTokens })
  return { caller, endpoint, prompt, model: { asked: prompt.model, served }, outgoing }
}
