/** What the detector of anomalies learns of a finished request: plain JSON and small, because workers send it to the primary. */
import type { RefusalCode } from '../core/refusal.ts'
import type { AnswerTraits } from './answer-traits.ts'

/** One finished request. It holds no text of a prompt or an answer, and no address. */
export interface Observation {
  /** Wall clock when the request ended, in ms. */
  readonly atMs: number
  readonly id: string
  /** Id of the caller; null if it is not known. Such requests are ignored. */
  readonly key: string | null
  /** The served name, if the model is a listed one. */
  readonly model: string | null
  readonly digest: string | null
  /** How it ended, as in metrics: the code of the refusal, or `answered`, `cut` or `aborted`. */
  readonly outcome: string
  readonly inputTokens: number | null
  readonly outputTokens: number | null
  /** In UTF-16 code units. */
  readonly promptLength: number
  /** In UTF-16 code units; null without an answer. */
  readonly answerLength: number | null
  readonly findings: number
  /** Names of the tools called in the answer, at most eight. */
  readonly tools: readonly string[]
  readonly firstTokenMs: number | null
  /** The /24 or /48 network of the peer, as a salted hash. */
  readonly network: string | null
  /** Null if the answer has no text. */
  readonly answer: AnswerTraits | null
}

/** Refusals that say something of the caller. Not among them: what a full or failing server causes, and rate limits, which show as a rate. */
const telling: readonly RefusalCode[] = [
  'invalid_request',
  'prompt_blocked',
  'output_blocked',
  'tool_not_allowed',
  'approval_denied',
  'route_not_allowed',
  'not_found',
  'model_not_allowed',
  'method_not_allowed',
  'body_too_large',
  'too_much_to_scan',
]
const tellingCodes = new Set<string>(telling)

/** Tells whether an outcome is a refusal of the policy, rather than a failure or a full server. */
export function isPolicyRefusal(outcome: string): boolean {
  return tellingCodes.has(outcome)
}
