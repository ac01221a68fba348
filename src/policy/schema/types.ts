/**
 * Building blocks of the policy's schema. Each key carries its `description`, which `config/README.md` and the hints of
 * editors are generated from, and its `default`, which is defined nowhere else.
 */
import Type, { type Static, type TObject, type TProperties, type TSchema } from 'typebox'
import { amountPattern, durationPattern, sizePattern } from '../../core/units.ts'

/** Declares an object whose members have defaults. It may be absent. */
export function section<T extends TProperties>(description: string, properties: T): TObject<T> {
  return Type.Object(properties, { description, default: {}, additionalProperties: false })
}

type DeepPartial<T> = T extends readonly unknown[]
  ? T
  : T extends object
    ? { [K in keyof T]?: DeepPartial<T[K]> }
    : T

/** Declares an object with the keys of `whole`, all optional and without defaults, which overrides single members of it. */
export function overriding<T extends TObject>(whole: T) {
  return Type.Unsafe<DeepPartial<Static<T>>>(withoutDefaults(whole))
}

/** Leaves groups as they are, because their members only make sense together. */
function withoutDefaults({ default: standard, ...node }: TSchema & { default?: unknown }): TSchema {
  if (!('properties' in node) || standard === undefined) return node
  const properties = Object.entries(node.properties as TProperties)
  return {
    ...node,
    required: [],
    properties: Object.fromEntries(properties.map(([key, member]) => [key, withoutDefaults(member)])),
  }
}

/** Declares an object that is either absent or complete, because its members only make sense together. */
export function group<T extends TProperties>(description: string, properties: T): TObject<T> {
  return Type.Object(properties, { description, additionalProperties: false })
}

/** Declares one of several words. */
export function choice<const T extends string[]>(
  values: readonly [...T],
  standard: T[number],
  description: string,
) {
  return Type.Enum(values, { description, default: standard })
}

/** Declares a text with a pattern. Error messages ask for `wanted` instead of showing the pattern. */
function patterned(pattern: string, wanted: string, example: string, description: string, standard?: string) {
  return Type.String({ pattern, wanted, example, description, ...defaultOf(standard) })
}

function defaultOf(standard: string | undefined) {
  return standard === undefined ? {} : { default: standard }
}

/** Bounds of a duration or size, as the policy writes them. */
export interface Range {
  readonly min?: string
  readonly max?: string
}

/** The longest time that a timer of Node can wait. A timer set to more fires at once. */
export const maxTimer = '24d'

/** Any duration above zero that Node can time. */
export const aWhile: Range = { min: '1ms', max: maxTimer }

/** What sets durations and sizes apart; `example` is a valid value where the range has no maximum. */
const forms = {
  duration: {
    pattern: durationPattern,
    wanted: 'a duration such as 250ms, 30s, 15m, 24h or 30d',
    example: '1h',
  },
  size: { pattern: sizePattern, wanted: 'a size such as 512B, 64KiB or 1MiB', example: '1MiB' },
} as const

/** Declares a duration such as `30s`, by default one that a timer of Node can wait. */
export function duration(description: string, standard?: string, range: Range = { max: maxTimer }) {
  return ranged('duration', description, standard, range)
}

/** Declares a size such as `1MiB`. */
export function size(description: string, standard?: string, range: Range = {}) {
  return ranged('size', description, standard, range)
}

function ranged(form: keyof typeof forms, description: string, standard: string | undefined, range: Range) {
  const { pattern, wanted, example: usual } = forms[form]
  const example = range.max ?? usual
  return Type.String({ form, pattern, wanted, example, description, ...range, ...defaultOf(standard) })
}

/** Declares `HOST:PORT`, or `unix:/PATH`. */
export function address(description: string, standard?: string) {
  const pattern = '^((\\[[0-9a-fA-F:.]+\\]|[^:\\s\\[\\]]+):\\d{1,5}|unix:.*)$'
  const example = '127.0.0.1:8080'
  const wanted = `HOST:PORT, such as ${example} or [::1]:8080, or unix:/PATH`
  return Type.String({ pattern, wanted, example, form: 'address', description, ...defaultOf(standard) })
}

/** Declares who may connect to a Unix socket. */
export function socketRights() {
  return section('Who may connect to the Unix socket, if `address` names one.', {
    mode: patterned(
      '^0?[0-7]{3}$',
      'a quoted octal mode such as "0660"',
      '0660',
      'Permission bits. Connecting takes the right to write.',
      '0660',
    ),
    group: optional(text('Group of the socket, by name or id. Absent: the group of the process.')),
  })
}

/** Declares a text that is not empty. */
export function text(description: string, standard?: string) {
  return Type.String({ minLength: 1, description, ...defaultOf(standard) })
}

/** Declares a secret. Messages never repeat it, and `check` warns if the policy holds it in plain text. */
export function secret(description: string) {
  return Type.String({ minLength: 1, form: 'secret', description })
}

/** Declares a name of certain characters. Error messages ask for `wanted`. */
export function named(pattern: string, wanted: string, description: string, standard?: string) {
  return patterned(pattern, wanted, 'x', description, standard)
}

/** Declares what something is for: one line of at most 200 characters. */
export function purpose(description: string) {
  const wanted = '1 to 200 characters in one line'
  // Without the `u` flag there is no `\\p{C}`: control characters, and those that are not seen or turn the direction.
  const unseen = '\\x00-\\x1f\\x7f-\\x9f\\xad\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u206f\\ufeff'
  return patterned(`^[^${unseen}]{1,200}$`, wanted, 'answering customers', description)
}

/** Declares a share such as `10%`. */
export function percentage(description: string) {
  return patterned('^(100|[1-9]?[0-9])%$', 'a percentage from 0% to 100%', '10%', description)
}

/** Declares a path such as `/ollama`, or an empty one. */
export function pathPrefix(description: string) {
  const wanted = 'a path such as /ollama, of letters, digits and . _ ~ -, without a slash at its end'
  const pattern = '^((/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+)?$'
  return patterned(pattern, wanted, '/ollama', description, '')
}

/** Declares a path such as `/localai/`, which is not the root. */
export function pathBelow(description: string) {
  const wanted = 'a path such as /localai/, of letters, digits and . _ ~ -'
  return patterned('^(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+/?$', wanted, '/localai/', description)
}

/** Declares a list of host names, each of which may begin with `*.`. */
export function hosts(description: string) {
  const wanted = 'a host such as docs.example.org or *.example.org, without scheme, port or path'
  return Type.Array(patterned('^(\\*\\.)?[^/\\s:@?#*]+$', wanted, 'example.org', 'A host.'), {
    description,
    default: [],
  })
}

/** Declares a list of texts. */
export function texts(description: string) {
  return Type.Array(Type.String({ minLength: 1 }), { description, default: [] })
}

/** Declares a whole number without a default. */
export function count(description: string, minimum = 1) {
  return Type.Integer({ minimum, maximum: 1e12, description })
}

/** Declares a whole number with a default. */
export function countOf(description: string, standard: number, minimum = 0, maximum = 1e12) {
  return Type.Integer({ minimum, maximum, description, default: standard })
}

/** Declares a percentage from 0 to 100. */
export function percentOf(description: string, standard: number) {
  return Type.Integer({ minimum: 0, maximum: 100, description, default: standard })
}

/** Declares a count, or `unlimited`. */
export function countOrUnlimited(description: string, standard: number) {
  return Type.Union([Type.Integer({ minimum: 1, maximum: 1e12 }), Type.Literal('unlimited')], {
    wanted: 'an integer of at least 1, or `unlimited`',
    description,
    default: standard,
  })
}

/** Declares a large count, as a number or with a unit: `50M`. */
export function amount(description: string) {
  return Type.Union(
    [Type.Integer({ minimum: 1, maximum: 1e12 }), Type.String({ pattern: amountPattern, minLength: 2 })],
    { wanted: 'an integer of at least 1, or one with a unit, such as 500k, 50M or 2G', description },
  )
}

/** Declares `true` or `false`. */
export function flag(description: string, standard = false) {
  return Type.Boolean({ description, default: standard })
}

/** Declares that a key may be absent. */
export function optional<T extends TSchema>(schema: T) {
  return Type.Optional(schema)
}

/** Declares a mapping from names of the operator's choice to values of one kind. */
export function mapOf<T extends TSchema>(member: T, description: string) {
  return Type.Record(Type.String(), member, { description, default: {} })
}
