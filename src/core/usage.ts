/** Tokens of one request, as the model server counted them. */
export interface Usage {
  readonly input: number
  readonly output: number
}
