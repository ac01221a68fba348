/** A node of the policy's JSON Schema as TypeBox builds it: the standard keywords that are read here, and our own. */
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
  /** A valid value, used in place of a wrong one so that validation can go on. */
  readonly example?: unknown
  readonly form?: 'duration' | 'size' | 'address' | 'secret'
  /** Bounds of a duration or size, as the policy writes them. */
  readonly min?: string
  readonly max?: string
}

/** Our own keywords, which are left out of the JSON Schema for editors. */
export const ownKeywords = ['wanted', 'example', 'form', 'min', 'max'] as const
