/** A finished span, before it takes the form of OTLP. */

/** Values of attributes. */
export type AttributeValue = string | number | boolean | readonly string[]

/** Attributes by name; undefined ones are left out. */
export type SpanAttributes = Readonly<Record<string, AttributeValue | undefined>>

/** One span of a trace. */
export interface FinishedSpan {
  readonly name: string
  readonly kind: 'server' | 'client' | 'internal'
  /** Hex digits, 32 and 16. */
  readonly traceId: string
  readonly spanId: string
  readonly parent: { readonly spanId: string; readonly isRemote: boolean } | undefined
  /** Epoch milliseconds, with fractions. */
  readonly fromMs: number
  readonly toMs: number
  /** Whether the operation failed. */
  readonly failed: boolean
  readonly attributes: SpanAttributes
}
