/** What the watch for anomalies learns of a finished request. */
import { AnswerSample } from '../../anomalies/answer-sample.ts'
import { type AnswerTraits, answerTraits, openingTraits } from '../../anomalies/answer-traits.ts'
import type { Observation } from '../../anomalies/observation.ts'
import { holderOf } from '../../auth/identity.ts'
import { networkOf } from '../../core/peer.ts'
import type { SettledRequest } from './observers.ts'

/** Tools of one answer that are told apart. */
const maxTools = 8
const maxToolLength = 64
/** Peers whose network is kept. */
const maxPeers = 4096

/** Describes requests of known callers. Their networks are not digests yet. */
export class Observing {
  readonly #sample = new AnswerSample()
  readonly #networks = new Map<string, string | null>()

  /** @returns undefined for unidentified callers: nobody may teach the gateway what a key usually does without having it */
  of({ record, endedAtMs, content, context, ending }: SettledRequest): Observation | undefined {
    const { identity, model, target, prompt, peer } = context
    if (!identity) return undefined
    const key = holderOf(identity)
    const answer = 'answer' in ending ? ending.answer : undefined
    const text = answer?.text ?? ''
    return {
      atMs: endedAtMs,
      id: record.id,
      key,
      model: model && target?.listed ? model.served : null,
      digest: record.model?.digest ?? null,
      outcome: ending.kind === 'refused' ? ending.refusal.code : ending.kind,
      inputTokens: answer?.usage?.input ?? null,
      outputTokens: answer?.usage?.output ?? null,
      promptLength: prompt ? lengthOf(prompt.texts) : 0,
      answerLength: prompt && answer ? text.length : null,
      findings: record.findings.length,
      tools: content.answer ? toolsIn(content.answer.toolCalls) : none,
      firstTokenMs: answer?.firstTokenMs ?? null,
      network: this.#networkOf(peer),
      answer: text === '' ? null : this.#traitsOf(text, key, endedAtMs),
    }
  }

  #traitsOf(text: string, key: string, atMs: number): AnswerTraits {
    return this.#sample.takes(key, atMs) ? answerTraits(text) : openingTraits(text)
  }

  /** The same text each time: the hash of a new one costs more than the look-up. */
  #networkOf(peer: string): string | null {
    let network = this.#networks.get(peer)
    if (network === undefined) {
      network = wideNetworkOf(peer)
      if (this.#networks.size >= maxPeers) this.#networks.clear()
      this.#networks.set(peer, network)
    }
    return network
  }
}

function lengthOf(texts: readonly { readonly text: string }[]): number {
  let sum = 0
  for (const { text } of texts) sum += text.length
  return sum
}

/** Names the tools that were called, each once. @param calls with masked names */
export function toolsIn(calls: readonly { readonly name: string }[]): readonly string[] {
  if (calls.length === 0) return none
  return [...new Set(calls.slice(0, maxTools).map(({ name }) => name.slice(0, maxToolLength)))]
}

const none: readonly string[] = []

/** Names the /24 or /48 network of an address; null for what is no address, such as a Unix socket. */
export function wideNetworkOf(peer: string): string | null {
  if (!peer.includes(':')) {
    const end = peer.lastIndexOf('.')
    return end === -1 ? null : `${peer.slice(0, end)}.0/24`
  }
  return `${networkOf(peer).split(':').slice(0, 3).join(':')}::/48`
}
