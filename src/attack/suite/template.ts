/**
 * Placeholders in requests and answers: `{model}`, `{caps.images+1}`, and `{ $repeat: VALUE, times: N }`, which is one long
 * text, or of a list one long list.
 */
import { isObject, type JsonValue } from '../../core/json.ts'

/** Values by the names of their placeholders. */
export type Scope = ReadonlyMap<string, string | number>

/** A placeholder that has no value here. */
export class MissingValue extends Error {
  readonly placeholder: string
  constructor(placeholder: string) {
    super(`{${placeholder}} has no value`)
    this.placeholder = placeholder
  }
}

const placeholder = /\{([a-z][A-Za-z]*(?:\.[A-Za-z]+)?)(\+\d{1,6})?\}/g
const expression = /^(?:([a-z][A-Za-z]*(?:\.[A-Za-z]+)?)(\+\d{1,6})?|(\d{1,6}))$/

/** Fills the placeholders of a value. A text that is one placeholder of a number becomes that number. @throws MissingValue */
export function filled(value: JsonValue, scope: Scope): JsonValue {
  if (typeof value === 'string') return filledText(value, scope)
  if (Array.isArray(value)) return value.map((each) => filled(each, scope))
  if (!isObject(value)) return value
  const { $repeat, times } = value
  if ($repeat !== undefined && times !== undefined) return repeated(filled($repeat, scope), times, scope)
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, filled(each, scope)]))
}

function repeated(value: JsonValue, times: JsonValue, scope: Scope): JsonValue {
  const count = numberOf(typeof times === 'number' ? times : String(times), scope)
  if (typeof value === 'string') return value.repeat(count)
  const items = Array.isArray(value) ? value : [value]
  return Array.from({ length: count }, () => items).flat()
}

function filledText(text: string, scope: Scope): string | number {
  const whole = text.match(placeholder)
  if (whole?.[0] === text) {
    const value = valueFor(text.slice(1, -1), scope)
    if (typeof value === 'number') return value
  }
  return inText(text, scope)
}

/** Fills the placeholders of a text. @throws MissingValue */
export function inText(text: string, scope: Scope): string {
  return text.replaceAll(placeholder, (all) => String(valueFor(all.slice(1, -1), scope)))
}

/** Returns the number that an expression such as `caps.images+1` stands for. @throws MissingValue */
export function numberOf(text: string | number, scope: Scope): number {
  if (typeof text === 'number') return text
  const value = valueFor(text, scope)
  if (typeof value === 'number') return value
  throw new MissingValue(text)
}

function valueFor(text: string, scope: Scope): string | number {
  const [, name, plus, plain] = expression.exec(text) ?? []
  if (plain !== undefined) return Number(plain)
  const value = scope.get(name ?? '')
  if (value === undefined) throw new MissingValue(name ?? text)
  return plus === undefined ? value : Number(value) + Number(plus)
}

/** Returns the placeholders that a value uses, wherever they stand. */
export function placeholdersIn(value: unknown): readonly string[] {
  if (typeof value === 'string') return Array.from(value.matchAll(placeholder), ([, name = '']) => name)
  if (Array.isArray(value)) return value.flatMap(placeholdersIn)
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(placeholdersIn) : []
}
