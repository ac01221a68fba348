/** Finds the model server that has a model, and the digest that it tells. */
import { digestOf } from '../../model-trust/parts.ts'
import { ModelFault } from '../../model-trust/suite/model-client.ts'
import { canonicalFor } from '../../models/name.ts'
import type { Policy, Upstream } from '../../policy/policy.ts'
import type { Ask } from '../../upstreams/ask.ts'
import { cataloguePath, readCatalogue } from '../../upstreams/catalogue.ts'
import { UsageError } from '../command.ts'
import { upstreamsOf } from './policy.ts'

/** A model at a model server. */
export interface ServedName {
  readonly upstream: Upstream
  /** Canonical for this kind of server. */
  readonly name: string
  /** Of its manifest, 64 hex digits; null: the server does not tell. */
  readonly digest: string | null
}

const withinMs = 10_000

/** Asks the servers of the policy. @param only name of the one to ask; empty: all @throws UsageError if none has the model, ModelFault if one did not tell */
export async function findServedModel(
  ask: Ask,
  policy: Policy,
  model: string,
  only: string,
): Promise<ServedName> {
  let silent: string | undefined
  for (const upstream of upstreamsOf(policy, only)) {
    const name = canonicalFor(upstream.kind, model)
    const answer = await ask(upstream, cataloguePath[upstream.kind], withinMs).catch(() => undefined)
    const catalogue = answer?.body === undefined ? undefined : readCatalogue(upstream.kind, answer.body)
    if (catalogue === undefined) silent = upstream.name
    const listed = name === undefined ? undefined : catalogue?.get(name)
    if (name !== undefined && listed) return { upstream, name, digest: digestOf(listed.digest) ?? null }
  }
  if (silent !== undefined)
    throw new ModelFault(`The model server ${silent} does not tell its models.`, false)
  throw new UsageError(`No model server of the policy has the model ${model}.`)
}
