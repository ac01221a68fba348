/** What the watch for anomalies learns from the audit log: what was observed after its state was saved last. */
import { answerTraits } from '../anomalies/answer-traits.ts'
import type { Observation } from '../anomalies/observation.ts'
import { readChains } from '../audit/query/read-chains.ts'
import { createReferenceResolver } from '../audit/query/references.ts'
import { type Entry, outcomeOf, readEntry } from '../audit/write/entry.ts'
import { toolsIn, wideNetworkOf } from '../pipeline/finish/observation.ts'

/** Records that are observed. */
const maxRecords = 100_000
/** Characters of texts that are remembered for the records that refer to them. */
const maxCharacters = 8 * 1024 * 1024

/**
 * Reads observations from all chains of a log. Texts are masked there, or only their lengths are, and nothing tells a stream
 * from a whole answer, so an observation has at most as much in it as the first time.
 * @param sinceMs epoch milliseconds
 * @throws what `fs` throws
 */
export async function* replayObservations(file: string, sinceMs: number): AsyncGenerator<Observation> {
  const references = createReferenceResolver(file, maxCharacters)
  let count = 0
  for await (const chainLine of readChains(file, { sinceMs })) {
    const entry = readEntry(chainLine.line)
    if (!entry) continue
    references.see(entry, chainLine.chain)
    if (Date.parse(entry.time) < sinceMs) continue
    const whole = readEntry(await references.resolve(chainLine, entry))
    const observation = whole && observationIn(whole)
    if (!observation) continue
    yield observation
    if (++count >= maxRecords) return
  }
}

/** @returns undefined for events, and for requests of unidentified callers */
function observationIn(entry: Entry): Observation | undefined {
  const { id, identity, time, findings, usage, peer, prompt } = entry
  if (id === undefined || !identity) return undefined
  const { served = null, digest = null } = fieldsOf(entry.model)
  const answer = fieldsOf(entry.answer)
  const said = fieldsOf(answer.text)
  const text = textIn(said.text)
  return {
    atMs: Date.parse(time),
    id,
    key: identity.from?.[0] ?? identity.id,
    model: textOrNull(served),
    digest: textOrNull(digest),
    outcome: outcomeOf(entry),
    inputTokens: usage?.input ?? null,
    outputTokens: usage?.output ?? null,
    promptLength: Array.isArray(prompt) ? prompt.reduce((sum: number, each) => sum + lengthOf(each), 0) : 0,
    answerLength: entry.answer ? lengthOf(said) : null,
    findings: findings?.length ?? 0,
    tools: toolsIn(callsIn(answer.toolCalls)),
    firstTokenMs: null,
    network: peer === undefined ? null : wideNetworkOf(peer),
    answer: text === '' ? null : answerTraits(text),
  }
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? { ...value } : {}
}

function textIn(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

function textOrNull(value: unknown): string | null {
  return typeof value === 'string' ? value : null
}

function lengthOf(recorded: unknown): number {
  const { text, length } = fieldsOf(recorded)
  if (typeof text === 'string') return text.length
  return typeof length === 'number' ? length : 0
}

function callsIn(value: unknown): { readonly name: string }[] {
  return Array.isArray(value) ? value.map((call) => ({ name: textIn(fieldsOf(call).name) })) : []
}
