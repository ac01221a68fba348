/**
 * What must hold for every body: it is refused as `invalid_request`, or what is forwarded holds no string the
 * scanner did not see, no ambiguity, no field of nobody's and no cap that does not hold.
 * Not checked: the order and the joints in which a model sees the texts, and what the scanner makes of them.
 */
import type { JsonObject } from '../../src/core/json.ts'
import { Refusal } from '../../src/core/refusal.ts'
import type { ServerKind } from '../../src/core/servers.ts'
import type { Exchange, Feature, Outgoing, PrepareOptions, Prompt } from '../../src/dialects/dialect.ts'
import { readForm, readPrompt } from '../../src/pipeline/request/parse.ts'
import { type Document, type Node, parseGo } from './go-json.ts'
import { Found, fold } from './go-structs.ts'
import { type Route, routeOf, undeclared } from './servers.ts'

export interface Setting {
  readonly endpoint: Exchange
  readonly orders: PrepareOptions
  readonly allowed: ReadonlySet<Feature>
  /** What may be forwarded on a route that `servers.ts` does not know. */
  readonly known: JsonObject
}

/** What does not hold. The message names the rule first, so that shrinking stays with one rule. */
export class Violation extends Error {
  readonly rule: string
  constructor(rule: string, detail: string) {
    super(`${rule}: ${detail}`)
    this.rule = rule
  }
}

/** @throws Violation */
export function check(body: Uint8Array, setting: Setting): 'accepted' | 'refused' {
  const passed = through(body, setting)
  if (passed === undefined) return 'refused'
  const { prompt, outgoing } = passed
  const { endpoint, orders, allowed } = setting
  const forwarded = unambiguous(JSON.stringify(outgoing.body), 'what is forwarded')
  if (!endpoint.form) {
    const { root } = unambiguous(decoded(body), 'what was accepted')
    noTwins(keysOf(root), new Set(keysOf(forwarded.root)))
  }
  const route = routeOf(endpoint.serverPath ?? endpoint.path, orders.server) ?? undeclared(setting.known)
  const found = new Found(allowed)
  route.body(forwarded.root, '', found)

  for (const fault of found.faults) throw new Violation('foreign', fault)
  if (found.model !== orders.model) throw new Violation('model', `${found.model} is forwarded`)
  const seen = prompt.texts.map(({ text }) => text).join('\n')
  for (const [at, strings] of found.texts)
    for (const string of strings)
      if (!seen.includes(string)) throw new Violation('unseen', `${at} holds ${JSON.stringify(string)}`)
  for (const [at, ways] of found.written)
    if (!ways.some((strings) => strings.every((string) => seen.includes(string))))
      throw new Violation('unseen', `${at} holds ${JSON.stringify(ways[0])}`)
  holdCaps(found.numbers, route, outgoing, orders)
  return 'accepted'
}

/** The way of `pipeline/`: reading, asking for a model's name, preparing. */
function through(
  bytes: Uint8Array,
  { endpoint, orders, allowed }: Setting,
): { prompt: Prompt; outgoing: Outgoing } | undefined {
  try {
    const prompt = endpoint.form
      ? readForm({ fields: formFields(bytes), file: noFile }, endpoint, allowed)
      : readPrompt(Buffer.from(bytes), endpoint, allowed)
    if (prompt.model === '') return undefined
    const others = prompt.others?.map(() => 'other-model') ?? []
    return { prompt, outgoing: endpoint.prepare(prompt, { ...orders, others }) }
  } catch (error) {
    if (error instanceof Refusal && error.code === 'invalid_request') return undefined
    throw new Violation('fault', error instanceof Error ? `${error.name}: ${error.message}` : String(error))
  }
}

const noFile = { name: 'file.wav', type: 'audio/wav', bytes: new Uint8Array(4) }

/** A form has no JSON text: of a body that is some, its members are the fields. */
function formFields(bytes: Uint8Array): JsonObject {
  const fields: JsonObject = Object.create(null)
  try {
    const text = Buffer.from(bytes).toString('utf8')
    const { root } = parseGo(text)
    if (root.kind === 'object')
      for (const { key, value } of root.members)
        fields[key] = value.kind === 'string' ? value.value : text.slice(value.start, value.end)
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
  }
  return fields
}

function unambiguous(text: string, what: string): Document {
  let document: Document
  try {
    document = parseGo(text)
  } catch (error) {
    throw new Violation('not JSON', `${what}: ${String(error)}`)
  }
  for (const oddity of document.oddities) throw new Violation('ambiguous', `${what}: ${oddity}`)
  if (document.depth > 64) throw new Violation('ambiguous', `${what} is ${document.depth} levels deep`)
  return document
}

const strictly = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function decoded(bytes: Uint8Array): string {
  try {
    return strictly.decode(bytes)
  } catch {
    throw new Violation('ambiguous', 'what was accepted is not UTF-8')
  }
}

function keysOf(root: Node): string[] {
  return root.kind === 'object' ? root.members.map(({ key }) => key) : []
}

/** At the top only: deeper, `test/dialects/contract.test.ts` tries every key. */
function noTwins(asked: readonly string[], forwarded: ReadonlySet<string>): void {
  for (const key of asked)
    if (!forwarded.has(key) && forwarded.has(fold(key)))
      throw new Violation('ambiguous', `${JSON.stringify(key)} was accepted, which Go folds`)
}

const caps = ['options.num_predict', 'max_tokens', 'max_output_tokens']

function holdCaps(
  numbers: ReadonlyMap<string, number>,
  route: Route,
  { outputTokens }: Outgoing,
  orders: PrepareOptions,
): void {
  const within = (at: string, max: number, needed: boolean) => {
    const number = numbers.get(at)
    if (number === undefined ? needed : !(number >= 1 && number <= max))
      throw new Violation('cap', `${at} is ${number}, and ${max} is the most`)
  }
  // Embeddings have a `num_predict` that nobody reads.
  if (route.cap !== undefined) within(route.cap, orders.outputTokens, true)
  within('options.num_ctx', orders.contextTokens, false)
  within('n', orders.choices, false)
  within('keep_alive', 3600, false)
  if (outputTokens === 0) return
  const cap = Math.max(...caps.map((at) => numbers.get(at) ?? 0)) * (numbers.get('n') ?? 1)
  if (!(cap >= 1 && cap <= outputTokens))
    throw new Violation('cap', `${cap} tokens may come, ${outputTokens} were reckoned with`)
}

export function ordersFor(server: ServerKind, choices: number): PrepareOptions {
  return {
    model: 'served-model',
    others: ['other-model'],
    server,
    outputTokens: 1000,
    contextTokens: 2048,
    choices,
    modelDefaults: {},
    keepAlive: { minSeconds: 30, maxSeconds: 3600 },
  }
}
