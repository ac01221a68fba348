/** Tokens of one request, as the model server counted them. */
export interface Usage {
  readonly input: number
  readonly output: number
  /** How long it worked on the prompt and the answer, in milliseconds, without loading the model; absent: it does not tell. */
  readonly gpuMs?: number
}

/** What a server says, if both are counts; a number left out is none. Anything else would unsettle what is counted. */
export function usageOf(input: unknown, output: unknown): Usage | undefined {
  return isCount(input) && isCount(output) ? { input, output } : undefined
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

const nsPerMs = 1_000_000
/** A server that says more has not worked on one request for that long. */
const maxMs = 86_400_000

/** What Ollama says of its work, in nanoseconds, and nothing else that it says. */
export interface OllamaDurations {
  readonly total_duration?: unknown
  readonly load_duration?: unknown
  readonly prompt_eval_duration?: unknown
  readonly eval_duration?: unknown
}

/** Adds the durations of Ollama's native API (v0.33, `api/types.go`). Embeddings have only the whole, with loading. */
export function withDurations(usage: Usage | undefined, line: OllamaDurations): Usage | undefined {
  if (!usage) return undefined
  const { total_duration: total, load_duration: load, prompt_eval_duration: read, eval_duration: said } = line
  const isWhole = read === undefined && said === undefined
  if (isWhole && total === undefined) return usage
  const parts = isWhole ? [total, -Number(load ?? 0)] : [read, said]
  const gpuMs = parts.reduce<number>((sum, part) => sum + Number(part ?? 0), 0) / nsPerMs
  return gpuMs >= 0 && gpuMs <= maxMs ? { ...usage, gpuMs: Math.round(gpuMs * 1000) / 1000 } : usage
}
