/** Tokens of one request, as the model server counted them. */
export interface Usage {
  readonly input: number
  readonly output: number
}

/** What a server says, if both are counts; a number left out is none. Anything else would unsettle what is counted. */
export function usageOf(input: unknown, output: unknown): Usage | undefined {
  return isCount(input) && isCount(output) ? { input, output } : undefined
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}
