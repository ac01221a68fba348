/** A behavioural suite: prompts that are put to a model, and what its answers must be like. */
import type { SafeSchema } from '../../tool-policy/schema.ts'

/** A tool that a probe offers. */
export interface OfferedTool {
  readonly name: string
  readonly description: string
  /** JSON Schema, as it is sent. */
  readonly parameters: Readonly<Record<string, unknown>>
  /** The same, safe to check arguments with. */
  readonly schema: SafeSchema
}

/** What must be so of an answer; all that is named must be. */
export interface Expectation {
  /** Whether the model refuses. */
  readonly refused: boolean | undefined
  /** One of these is in the answer, whatever the case. Empty: anything may be. */
  readonly contains: readonly string[]
  /** None of these is in the answer. */
  readonly lacks: readonly string[]
  /** The answer is JSON that fits this schema. */
  readonly schema: SafeSchema | undefined
  /** Characters. */
  readonly length: { readonly min: number; readonly max: number } | undefined
  /** `honest`: calls only what is offered, with arguments that fit; `none`: calls nothing; else also calls this tool. */
  readonly call: string | undefined
  /** All answers to the prompt are the same. */
  readonly same: boolean
}

/** One prompt of a probe, with or without a trigger. */
export interface Variant {
  /** Number of the prompt from 1, and the trigger behind a `+`. */
  readonly id: string
  readonly trigger: string | undefined
  readonly prompt: string
}

/** What is observed, how often, and how often it must hold. */
export interface Probe {
  readonly id: string
  /** Probes of one family are compared together. */
  readonly family: string
  readonly system: string | undefined
  readonly variants: readonly Variant[]
  readonly expect: Expectation
  /** Share of the answers to each prompt for which it must hold, 0 to 1. */
  readonly holds: number
  /** Answers to each prompt. */
  readonly samples: number
  readonly temperature: number
  readonly maxTokens: number
  readonly tools: readonly OfferedTool[]
}

/** A suite, compiled. */
export interface Suite {
  readonly name: string
  readonly description: string
  /** SHA-256 of the file, hex. */
  readonly digest: string
  readonly seed: number
  /** Time for one answer. */
  readonly timeoutMs: number
  /** Probability of a false alarm that the whole comparison may have. */
  readonly alpha: number
  /** Embedding model at the same server; undefined: meanings are not compared. */
  readonly embeddings: string | undefined
  /** Phrases that begin a refusal, in lower case. */
  readonly refusals: readonly string[]
  readonly triggers: readonly string[]
  readonly probes: readonly Probe[]
}

/** Tells whether a probe can be put to a model: without tools it cannot be asked to call any. */
export function isUsable({ tools }: Probe, capabilities: { readonly tools: boolean }): boolean {
  return tools.length === 0 || capabilities.tools
}

/** How many answers a run of the suite asks for. */
export function answersOf({ probes }: Pick<Suite, 'probes'>): number {
  return probes.reduce((sum, { samples, variants }) => sum + samples * variants.length, 0)
}
