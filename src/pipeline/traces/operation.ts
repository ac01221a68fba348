/** Which operation of the GenAI conventions a request is. */
import type { ServerKind } from '../../core/servers.ts'
import type { Dialect, Endpoint, RouteGroup } from '../../dialects/dialect.ts'
import type { RequestContext } from '../context.ts'

/** Well-known values where there are some; the rest are ours. */
const operations: Partial<Record<RouteGroup, string>> = {
  chat: 'chat',
  completions: 'text_completion',
  embeddings: 'embeddings',
  rerank: 'rerank',
  tokenize: 'tokenize',
  moderations: 'moderation',
  images: 'generate_content',
  audio: 'generate_content',
  realtime: 'chat',
}

const endpoints = new WeakMap<Dialect, ReadonlyMap<string, Endpoint>>()

/** The endpoint of a request, also of one that was refused before it was read. Undefined: no dialect declares the route. */
export function endpointOf({ dialect, route, endpoint }: RequestContext): Endpoint | undefined {
  if (endpoint) return endpoint
  let known = endpoints.get(dialect)
  if (!known) {
    known = new Map(dialect.endpoints.map((each) => [each.path, each]))
    endpoints.set(dialect, known)
  }
  return known.get(route)
}

/** The value of `gen_ai.operation.name`; undefined: no model is asked, as for lists. */
export function operationOf(endpoint: Endpoint | undefined): string | undefined {
  if (!endpoint || (endpoint.kind === 'exchange' && endpoint.answer)) return undefined
  return operations[endpoint.group]
}

/** The value of `gen_ai.provider.name`: the kind of the model server that was asked, or would have been. */
export function providerOf({ upstream, target, policy }: RequestContext): ServerKind {
  return (upstream ?? target?.upstreams[0] ?? policy.upstreams[0]).kind
}
