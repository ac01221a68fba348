/**
 * Building blocks of the policy's schema. Every key carries its `description`, from which `config/README.md`
 * and editors' hints are generated, and its `default`, so that no default stands anywhere else.
 */
import Type, { type Static, type TObject, type TProperties, type TSchema } from 'typebox'
import { durationPattern, sizePattern } from '../../core/units.ts'

/** An object that knows all its keys; absent, it is `{}` and takes its members' defaults. */
export function section<T extends TProperties>(description: string, properties: T): TObject<T> {
  return Type.Object(properties, { description, default: {}, additionalProperties: false })
}

type DeepPartial<T> = T extends readonly unknown[]
  ? T
  : T extends object
    ? { [K in keyof T]?: DeepPartial<T[K]> }
    : T

/** The same keys, of which none need be there and none has a default: they override a whole one. */
export function overriding<T extends TObject>(whole: T) {
  return Type.Unsafe<DeepPartial<Static<T>>>(withoutDefaults(whole))
}

/** Of groups all members stay: none makes sense alone. */
function withoutDefaults({ default: standard, ...node }: TSchema & { default?: unknown }): TSchema {
  if (!('properties' in node) || standard === undefined) return node
  const properties = Object.entries(node.properties as TProperties)
  return {
    ...node,
    required: [],
    properties: Object.fromEntries(properties.map(([key, member]) => [key, withoutDefaults(member)])),
  }
}

/** An object that is absent or complete: no member of it makes sense alone. */
export function group<T extends TProperties>(description: string, properties: T): TObject<T> {
  return Type.Object(properties, { description, additionalProperties: false })
}

export function choice<const T extends string[]>(
  values: readonly [...T],
  standard: T[number],
  description: string,
) {
  return Type.Enum(values, { description, default: standard })
}

/** `wanted` is what an error message asks for instead of showing the pattern. */
function patterned(pattern: string, wanted: string, example: string, description: string, standard?: string) {
  return Type.String({ pattern, wanted, example, description, ...defaultOf(standard) })
}

function defaultOf(standard: string | undefined) {
  return standard === undefined ? {} : { default: standard }
}

/** What a duration or size may be, as it is written. */
export interface Range {
  readonly min?: string
  readonly max?: string
}

/** A timer of Node that is set to more fires at once. */
export const maxTimer = '24d'

/** What is more than nothing, and no more than Node can time. */
export const aWhile: Range = { min: '1ms', max: maxTimer }

/** @param range what most durations are: a timer */
export function duration(description: string, standard?: string, range: Range = { max: maxTimer }) {
  const wanted = 'a duration such as 250ms, 30s, 15m, 24h or 30d'
  return ranged('duration', durationPattern, wanted, '1h', description, standard, range)
}

export function size(description: string, standard?: string, range: Range = {}) {
  const wanted = 'a size such as 512B, 64KiB or 1MiB'
  return ranged('size', sizePattern, wanted, '1MiB', description, standard, range)
}

function ranged(
  form: 'duration' | 'size',
  pattern: string,
  wanted: string,
  usual: string,
  description: string,
  standard: string | undefined,
  range: Range,
) {
  const example = range.max ?? usual
  return Type.String({ form, pattern, wanted, example, description, ...range, ...defaultOf(standard) })
}

export function address(description: string, standard?: string) {
  const pattern = '^(\\[[0-9a-fA-F:.]+\\]|[^:\\s\\[\\]]+):\\d{1,5}$'
  const example = '127.0.0.1:8080'
  const wanted = `HOST:PORT, such as ${example} or [::1]:8080`
  return Type.String({ pattern, wanted, example, form: 'address', description, ...defaultOf(standard) })
}

export function text(description: string, standard?: string) {
  return Type.String({ minLength: 1, description, ...defaultOf(standard) })
}

/** What nobody may read: written out in a policy it is warned of, and no message repeats it. */
export function secret(description: string) {
  return Type.String({ minLength: 1, form: 'secret', description })
}

/** Letters, digits and signs of a name that a pattern describes. */
export function named(pattern: string, wanted: string, description: string, standard?: string) {
  return patterned(pattern, wanted, 'x', description, standard)
}

/** Names of hosts, or all below one. */
export function hosts(description: string) {
  const wanted = 'a host such as docs.example.org or *.example.org, without scheme, port or path'
  return Type.Array(patterned('^(\\*\\.)?[^/\\s:@?#*]+$', wanted, 'example.org', 'A host.'), {
    description,
    default: [],
  })
}

export function texts(description: string) {
  return Type.Array(Type.String({ minLength: 1 }), { description, default: [] })
}

export function count(description: string, minimum = 1) {
  return Type.Integer({ minimum, maximum: 1e12, description })
}

export function countOf(description: string, standard: number, minimum = 0, maximum = 1e12) {
  return Type.Integer({ minimum, maximum, description, default: standard })
}

export function percentOf(description: string, standard: number) {
  return Type.Integer({ minimum: 0, maximum: 100, description, default: standard })
}

/** A count, or the word for none. */
export function countOrUnlimited(description: string, standard: number) {
  return Type.Union([Type.Integer({ minimum: 1, maximum: 1e12 }), Type.Literal('unlimited')], {
    wanted: 'a whole number of at least 1, or `unlimited`',
    description,
    default: standard,
  })
}

export function flag(description: string, standard = false) {
  return Type.Boolean({ description, default: standard })
}

export function optional<T extends TSchema>(schema: T) {
  return Type.Optional(schema)
}

export function mapOf<T extends TSchema>(member: T, description: string) {
  return Type.Record(Type.String(), member, { description, default: {} })
}
