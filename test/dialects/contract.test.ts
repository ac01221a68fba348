/**
 * One suite over every dialect: whatever a route lets through, the scanner has seen; unknown fields are left
 * out, ambiguous ones refused; the answer is read to its end mark however it is cut.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isObject, type JsonObject, type JsonValue } from '../../src/core/json.ts'
import { Refusal } from '../../src/core/refusal.ts'
import type { Exchange } from '../../src/dialects/dialect.ts'
import { dialects } from '../../src/dialects/dialects.ts'
import { fullRequests } from './full-requests.ts'
import { madeUp } from './made-up.ts'

const exchanges = [...dialects, madeUp].flatMap((dialect) =>
  dialect.endpoints.filter(
    (endpoint): endpoint is Exchange => endpoint.kind === 'exchange' && !endpoint.upload,
  ),
)
const orders = {
  model: 'served-model',
  others: ['other-model'],
  server: 'localai' as const,
  outputTokens: 1000,
  contextTokens: 2000,
  choices: 4,
  modelDefaults: {},
  keepAlive: { minSeconds: 30, maxSeconds: 3600 },
}
const nothing = new Set<never>()

/** Every place in a value that holds a string or is a key of an object, with a way to change it. */
function* places(
  value: JsonValue,
  put: (changed: JsonValue) => JsonValue,
): Generator<(marker: string) => JsonValue> {
  if (typeof value === 'string') yield (marker) => put(`${value}${marker}`)
  else if (Array.isArray(value)) {
    for (const [index, item] of value.entries())
      yield* places(item, (changed) => put(value.with(index, changed)))
  } else if (isObject(value)) {
    for (const [key, member] of Object.entries(value)) {
      yield* places(member, (changed) => put({ ...value, [key]: changed }))
      yield (marker) => put({ ...value, [`${key}${marker}`]: member })
    }
  }
}

function read(endpoint: Exchange, body: JsonObject) {
  try {
    const prompt = endpoint.read(structuredClone(body), nothing)
    const seen = prompt.texts.map(({ text }) => text).join('\n')
    return { prompt, seen, forwarded: JSON.stringify(endpoint.prepare(prompt, orders).body) }
  } catch (error) {
    if (error instanceof Refusal && error.code === 'invalid_request') return undefined
    throw error
  }
}

/** Values whose keys are the caller's own: they are text, and seen as such. */
const freeForm = new Set(
  'parameters arguments schema items input_schema files adapters action operation json guided_json'.split(
    ' ',
  ),
)
/** Names that are free in one dialect and declared in another. */
const isFreeForm = (key: string, member: JsonValue) =>
  freeForm.has(key) ||
  (key === 'output' && Array.isArray(member)) ||
  (['input', 'format', 'json_schema'].includes(key) && isObject(member) && member.schema === undefined)

/** The body with one key once more, in capitals or with the long s that Go folds. */
function* foldedTwins(value: JsonValue, put: (changed: JsonValue) => JsonObject): Generator<JsonObject> {
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries())
      yield* foldedTwins(item, (changed) => put(value.with(index, changed)))
  } else if (isObject(value)) {
    for (const [key, member] of Object.entries(value)) {
      yield put({ ...value, [key.toUpperCase()]: member })
      if (key.includes('s')) yield put({ ...value, [key.replace('s', '\u017f')]: member })
      if (!isFreeForm(key, member)) yield* foldedTwins(member, (changed) => put({ ...value, [key]: changed }))
    }
  }
}

/** Nothing but models' names goes there, and those are the gate's own words. */
const onlyNames = new Set(['/api/show', '/api/pull', '/api/push', '/api/copy', '/api/delete'])

describe.each(exchanges.map((endpoint) => [endpoint.path, endpoint] as const))('%s', (path, endpoint) => {
  const full = fullRequests[endpoint.serverPath ?? path]
  if (!full) throw new Error(`test/dialects/full-requests.ts has no request for ${path}`)

  it('takes a request with every field it knows', () => {
    expect(read(endpoint, full)).toBeDefined()
    expect(endpoint.read(structuredClone(full), nothing).dropped).toEqual([])
  })

  it('lets no string through that the scanner does not see', () => {
    const marker = ' MARKER-7f3a'
    let forwarded = 0
    for (const insertCanary of places(full, (value) => value)) {
      const result = read(endpoint, insertCanary(marker) as JsonObject)
      if (!result?.forwarded.includes('MARKER-7f3a')) continue
      forwarded++
      expect(result.seen).toContain('MARKER-7f3a')
    }
    expect(forwarded).toBeGreaterThan(onlyNames.has(path) ? -1 : 0)
  })

  it('lets no unknown field through, at any depth, and names it', () => {
    const planted = { unknown_field_9: { model: 'x', messages: ['deep'] } }
    const result = read(endpoint, { ...full, ...planted })
    expect(result?.prompt.dropped).toContain('unknown_field_9')
    expect(result?.forwarded).not.toContain('unknown_field_9')
    expect(result?.forwarded).not.toContain('deep')
  })

  it('refuses a key that differs from a known one only in its case, at any depth', () => {
    const bodies = [...foldedTwins(full, (value) => value as JsonObject)]
    expect(bodies.length).toBeGreaterThanOrEqual(Object.keys(full).length)
    for (const body of bodies) expect(read(endpoint, body), JSON.stringify(body)).toBeUndefined()
  })

  it('puts the canonical model and nothing of the asked one into the body', () => {
    const result = read(endpoint, full)
    const { model, source } = JSON.parse(result?.forwarded ?? '{}')
    expect(model ?? source).toBe('served-model')
  })

  it('reads every body it is given without a fault of its own', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), (value) => {
        if (isObject(value as JsonValue)) read(endpoint, value as JsonObject)
      }),
      { numRuns: 200 },
    )
    const known = fc.constantFrom(...Object.keys(full))
    fc.assert(
      fc.property(known, fc.jsonValue({ maxDepth: 3 }), (key, value) => {
        read(endpoint, { ...full, [key]: value as JsonValue })
      }),
      { numRuns: 300 },
    )
  })

  it.each(['constructor', '__proto__', 'toString', 'hasOwnProperty'])(
    'is not confused by a key named %s',
    (key) => {
      const body = JSON.parse(JSON.stringify(full).replace(/^\{/, `{"${key}":"x",`)) as JsonObject
      expect(read(endpoint, body)?.prompt.dropped).toContain(key)
    },
  )
})
