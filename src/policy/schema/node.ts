/** A JSON Schema as TypeBox builds it, as far as it is walked here, with the words of ours that it carries. */
export interface SchemaNode {
  readonly type?: string
  readonly default?: unknown
  readonly description?: string
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly minimum?: number
  readonly maximum?: number
  readonly minLength?: number
  readonly maxLength?: number
  readonly pattern?: string
  readonly minItems?: number
  readonly properties?: Readonly<Record<string, SchemaNode>>
  readonly patternProperties?: Readonly<Record<string, SchemaNode>>
  readonly items?: SchemaNode
  readonly anyOf?: readonly SchemaNode[]
  readonly required?: readonly string[] | undefined
  /** What an error message asks for instead of showing the pattern. */
  readonly wanted?: string
  /** A value that would do. */
  readonly example?: unknown
  readonly form?: 'duration' | 'size' | 'address' | 'secret'
  readonly min?: string
  readonly max?: string
}

/** The keywords that no JSON Schema knows. */
export const ownKeywords = ['wanted', 'example', 'form', 'min', 'max'] as const
