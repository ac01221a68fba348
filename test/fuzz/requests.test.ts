/**
 * The property of `property.ts` over two thousand bodies, and the proof that it can fail: planted defects are found.
 * `npm run fuzz` does the same with more bodies and another seed each time.
 */
import { describe, expect, it } from 'vitest'
import type { JsonObject } from '../../src/core/json.ts'
import { Notes } from '../../src/dialects/common/notes.ts'
import { modelName, object, text } from '../../src/dialects/common/shape.ts'
import type { Exchange, Prompt } from '../../src/dialects/dialect.ts'
import { dialects } from '../../src/dialects/dialects.ts'
import { fullRequests } from '../dialects/full-requests.ts'
import { effort } from '../rig/effort.ts'
import { createRun, type Failure, type Tally, type Target } from './requests.ts'

const seed = 20_261_122
const cases = effort(2000, 20_000)

const targets = dialects.flatMap(({ name, endpoints }): Target[] =>
  endpoints.flatMap((endpoint) =>
    endpoint.kind === 'exchange' && !endpoint.upload ? [{ dialect: name, endpoint }] : [],
  ),
)
function real(path: string): Exchange {
  const found = targets.find(({ endpoint }) => endpoint.path === path)
  if (!found) throw new Error(`there is no ${path}`)
  return found.endpoint
}

it(`${cases} bodies are refused, or forwarded without a secret (seed ${seed})`, () => {
  const tallies = new Map<string, Tally>()
  expect(createRun(targets).run(cases, seed, tallies)).toBeUndefined()
  // A run that only sees refusals would prove nothing.
  expect(tallies.size).toBe(targets.length)
  for (const [name, { accepted, refused }] of tallies) {
    // Routes full of the servers' words take few of the bodies that random values are put into.
    expect(accepted, name).toBeGreaterThan(0)
    expect(refused, name).toBeGreaterThan(10)
  }
})

/** Among all the others, as a real defect would be. */
function runWith(endpoint: Exchange, ofCases: number, from: number): Failure | undefined {
  const others = targets.filter(({ endpoint: { path } }) => path !== endpoint.path)
  const full = fullRequests[endpoint.path] ?? { model: 'm', prompt: 'Hello.', system: 'Be brief.' }
  return createRun([...others, { dialect: 'planted', endpoint, full }]).run(ofCases, from, new Map())
}

/** A shape that forwards `system` and tells nobody. */
function silent(body: JsonObject): Prompt {
  const notes = new Notes(new Set())
  const shape = object({ model: modelName, prompt: text('user'), system: (value) => value }, ['model'])
  return notes.toPrompt(String(body.model), false, shape(body, '', notes) as JsonObject)
}

describe('a planted defect is found', () => {
  const generate = real('/api/generate')
  const chat = real('/v1/chat/completions')
  const planted: readonly (readonly [string, string, Exchange])[] = [
    ['a text that is not noted', 'unseen', { ...generate, read: silent }],
    ['… on a route that nobody declared', 'unseen', { ...generate, path: '/made-up', read: silent }],
    ['… in a form', 'unseen', { ...generate, path: '/made-up', form: true, read: silent }],
    [
      'one text of many that is not noted',
      'unseen',
      {
        ...chat,
        read: (body, allowed) => {
          const prompt = chat.read(body, allowed)
          return { ...prompt, texts: prompt.texts.filter(({ channel }) => channel !== 'tool') }
        },
      },
    ],
    [
      'a field of nobody',
      'foreign',
      {
        ...chat,
        read: (body, allowed) => {
          const prompt = chat.read(body, allowed)
          return { ...prompt, body: { metadata: {}, ...prompt.body } }
        },
      },
    ],
    [
      'a body as it came',
      'foreign',
      { ...chat, read: (body, allowed) => ({ ...chat.read(body, allowed), body }) },
    ],
    [
      'a cap that was forgotten',
      'cap',
      {
        ...generate,
        prepare: (prompt, orders) => generate.prepare(prompt, { ...orders, outputTokens: 1e6 }),
      },
    ],
    [
      'a model that stays as it was asked',
      'model',
      { ...chat, prepare: (prompt, orders) => chat.prepare(prompt, { ...orders, model: prompt.model }) },
    ],
    [
      'a fault that is no refusal',
      'fault',
      {
        ...generate,
        read: (body, allowed) => {
          if (String(body.prompt).includes('\u0000')) throw new TypeError('null byte')
          return generate.read(body, allowed)
        },
      },
    ],
  ]
  it.each(planted)('%s', (_name, rule, endpoint) => {
    const failure = runWith(endpoint, cases, seed)
    expect(failure?.message).toMatch(new RegExp(`^${rule}: `))
    expect(failure?.path).toBe(endpoint.path)
    expect(failure?.body.length).toBeLessThan(140)
    // Its seed alone brings it back.
    expect(runWith(endpoint, 1, failure?.seed ?? 0)).toEqual(failure)
  })
})
