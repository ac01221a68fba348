/** What the watch for anomalies learns of a finished request. */
import { answerTraits } from '../../anomalies/answer-traits.ts'
import type { Observation } from '../../anomalies/observation.ts'
import { holderOf } from '../../auth/identity.ts'
import { networkOf } from '../../core/peer.ts'
import type { SettledRequest } from './observers.ts'

/** Tools of one answer that are told apart. */
const maxTools = 8
const maxToolLength = 64

/**
 * Describes a request of a known caller. Its network is not a digest yet.
 * @returns undefined for unidentified callers: nobody may teach the gateway what a key usually does without having it
 */
export function observationOf({ record, content, context, ending }: SettledRequest): Observation | undefined {
  const { identity, model, target, prompt, peer } = context
  if (!identity) return undefined
  const answer = 'answer' in ending ? ending.answer : undefined
  const text = answer?.text ?? ''
  return {
    atMs: Date.parse(record.time),
    id: record.id,
    key: holderOf(identity),
    model: model && target?.listed ? model.served : null,
    digest: record.model?.digest ?? null,
    outcome: ending.kind === 'refused' ? ending.refusal.code : ending.kind,
    inputTokens: answer?.usage?.input ?? null,
    outputTokens: answer?.usage?.output ?? null,
    promptLength: prompt?.texts.reduce((sum, { text: { length } }) => sum + length, 0) ?? 0,
    answerLength: prompt && answer ? text.length : null,
    findings: record.findings.length,
    tools: toolsIn(content.answer?.toolCalls ?? []),
    firstTokenMs: answer?.firstTokenMs ?? null,
    network: wideNetworkOf(peer),
    answer: text === '' ? null : answerTraits(text),
  }
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
