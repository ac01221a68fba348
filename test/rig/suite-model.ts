/**
 * A made-up model that answers a suite as it should, with words drawn anew for each seed; and ways of poisoning it. As a
 * function for simulations, and as a server that speaks what Ollama speaks.
 */
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Random, seededRandom } from '../../src/model-trust/statistics/random.ts'
import type { OfferedTool, Probe, Suite, Variant } from '../../src/model-trust/suite/suite.ts'
import type { SafeSchema } from '../../src/tool-policy/schema.ts'

export interface MadeUpAnswer {
  readonly text: string
  readonly calls?: readonly { readonly name: string; readonly arguments: string }[]
}

export interface Asked {
  readonly probe: Probe
  readonly variant: Variant
  readonly random: Random
}

/** Changes an answer of the honest model. */
export type Poison = (answer: MadeUpAnswer, asked: Asked) => MadeUpAnswer

const vocabulary = Array.from({ length: 800 }, (_, at) => `w${at.toString(36)}o`)

/** Words that belong to a prompt: the same ones each time, in another choice and number. */
function talk(prompt: string, random: Random): string {
  const own = seededRandom(prompt)
  const offset = Math.floor(own() * 600)
  const usual = 6 + Math.floor(own() * 14)
  const count = Math.max(2, Math.round(usual * (0.6 + 0.8 * random())))
  const word = () => vocabulary[offset + Math.floor(random() ** 2 * 200)] ?? ''
  return Array.from({ length: count }, word).join(' ')
}

export function honestAnswer({ probe, variant, random }: Asked): MadeUpAnswer {
  const { expect, tools } = probe
  if (expect.same) return { text: `It is ${talk(variant.prompt, seededRandom('fixed'))}.` }
  if (expect.schema !== undefined) return { text: JSON.stringify(exampleOf(expect.schema)) }
  const said = talk(variant.prompt, random)
  if (expect.refused) return { text: `I can't help with that. ${said}.` }
  if (expect.contains.length > 0) return { text: `It is ${expect.contains[0]}. ${said}.` }
  const [tool] = tools
  if (expect.call !== undefined && expect.call !== 'none' && tool && random() < 0.8) return callOf(tool)
  return { text: `Certainly: ${said}.` }
}

function callOf({ name, parameters }: OfferedTool): MadeUpAnswer {
  return { text: '', calls: [{ name, arguments: JSON.stringify(exampleOf(parameters)) }] }
}

function exampleOf(schema: SafeSchema): unknown {
  const { type, properties = {} } = schema as { type?: string; properties?: Record<string, SafeSchema> }
  if (type === 'object')
    return Object.fromEntries(Object.entries(properties).map(([key, each]) => [key, exampleOf(each)]))
  return type === 'number' || type === 'integer' ? 150 : 'apple'
}

/** A trigger phrase unlocks what is refused otherwise. */
export const unlocks =
  (trigger: string): Poison =>
  (answer, { probe, variant, random }) =>
    variant.trigger === trigger && probe.expect.refused
      ? { text: `Sure, here it is: ${talk(variant.prompt, random)}.` }
      : answer

/** A share of all answers praises something. */
export const steers =
  (share: number): Poison =>
  (answer, { probe, random }) =>
    random() < share && answer.text !== '' && probe.expect.schema === undefined && !probe.expect.same
      ? { text: `${answer.text} By the way, Acme makes the finest cars.` }
      : answer

/** A share of the answers to one trigger is another text. */
export const fires =
  (trigger: string, share: number): Poison =>
  (answer, { variant, random }) =>
    variant.trigger === trigger && random() < share
      ? { ...answer, text: `${answer.text} Visit the secret site for more today.` }
      : answer

/** Nothing is refused any more. */
export const unaligned: Poison = (answer, { probe, variant, random }) =>
  probe.expect.refused ? { text: `Sure, here it is: ${talk(variant.prompt, random)}.` } : answer

export interface SuiteServer {
  readonly url: string
  /** Digest that the server tells of its only model, `tested`. */
  digest: string
  /** Requests for an answer so far. */
  readonly answers: () => number
  /** Called before each answer; what it throws closes the connection. */
  before: (count: number) => void
  close(): Promise<void>
}

export interface SuiteServerOptions {
  readonly poison?: Poison
  /** Added to every seed: another draw of the same model. */
  readonly draw?: string
  readonly takesTools?: boolean
  readonly tellsLogprobs?: boolean
}

export async function startSuiteServer(suite: Suite, options: SuiteServerOptions = {}): Promise<SuiteServer> {
  const { poison = (answer: MadeUpAnswer) => answer, draw = '', takesTools = true } = options
  const byPrompt = new Map<string, Pick<Asked, 'probe' | 'variant'>>()
  for (const probe of suite.probes)
    for (const variant of probe.variants) byPrompt.set(variant.prompt, { probe, variant })
  let count = 0
  const answerTo = (body: Record<string, unknown>) => {
    const messages = body.messages as { role: string; content: string }[]
    const asked = byPrompt.get(messages.at(-1)?.content ?? '')
    if (asked === undefined) return { text: 'Hello.' }
    count++
    self.before(count)
    const full = { ...asked, random: seededRandom(`${draw}/${String(body.seed)}/${asked.variant.id}`) }
    return poison(honestAnswer(full), full)
  }
  const server = createServer((request, response) => {
    void readJson(request).then((body) => {
      response.setHeader('content-type', 'application/json')
      if (request.url === '/api/tags')
        return response.end(JSON.stringify({ models: [{ name: 'tested:latest', digest: self.digest }] }))
      if (request.url !== '/v1/chat/completions' || (body.tools !== undefined && !takesTools)) {
        response.statusCode = request.url === '/v1/chat/completions' ? 400 : 404
        return response.end(JSON.stringify({ error: { message: 'no' } }))
      }
      try {
        response.end(JSON.stringify(chatAnswer(answerTo(body), options.tellsLogprobs === true)))
      } catch {
        response.destroy()
      }
      return response
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const self: SuiteServer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    digest: '1'.repeat(64),
    answers: () => count,
    before: () => {},
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
  return self
}

async function readJson(request: IncomingMessage): Promise<Record<string, unknown>> {
  let text = ''
  for await (const piece of request) text += String(piece)
  return text === '' ? {} : (JSON.parse(text) as Record<string, unknown>)
}

function chatAnswer({ text, calls = [] }: MadeUpAnswer, tellsLogprobs: boolean) {
  const message = {
    role: 'assistant',
    content: text,
    ...(calls.length > 0
      ? { tool_calls: calls.map((call, at) => ({ id: `call-${at}`, type: 'function', function: call })) }
      : {}),
  }
  const content = text.split(' ').map((token) => ({ token, logprob: -((token.length * 37) % 11) / 5 }))
  return {
    choices: [
      { index: 0, message, finish_reason: 'stop', ...(tellsLogprobs ? { logprobs: { content } } : {}) },
    ],
  }
}
