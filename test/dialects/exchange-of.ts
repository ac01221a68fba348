/** One endpoint of a dialect, with what the gate would hand it filled in. */
import type { JsonObject } from '../../src/core/json.ts'
import type { Dialect, Exchange, Feature, PrepareOptions } from '../../src/dialects/dialect.ts'

export const orders: PrepareOptions = {
  model: 'served',
  others: [],
  server: 'ollama',
  outputTokens: 100,
  contextTokens: 4096,
  choices: 1,
  modelDefaults: {},
  keepAlive: { minSeconds: 30, maxSeconds: 3600 },
}

export function exchangeOf(dialect: Dialect, path: string) {
  const endpoint = dialect.endpoints.find(
    (each): each is Exchange => each.kind === 'exchange' && each.path === path,
  )
  if (!endpoint) throw new Error(`${dialect.name} has no ${path}`)
  const read = (body: JsonObject, ...allowed: Feature[]) => endpoint.read(body, new Set(allowed))
  return { read, prepare: endpoint.prepare }
}
