/**
 * Checks a small record by a table of its fields. For files that commands read: a schema library takes longer to load
 * than all the rest of such a command.
 */

/** A check for every field; that of an optional one lets `undefined` pass. */
export type FieldChecks<T> = { readonly [name in keyof T]-?: (value: unknown) => boolean }

/** @returns the name of a field that is invalid, missing or unknown, `''` for what is no record; undefined if all is well */
export function wrongField<T>(value: unknown, checks: FieldChecks<T>): string | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return ''
  const unknown = Object.keys(value).find((name) => !Object.hasOwn(checks, name))
  if (unknown !== undefined) return unknown
  const known: Readonly<Record<string, unknown>> = { ...value }
  return (Object.keys(checks) as (keyof T & string)[]).find((name) => !checks[name](known[name]))
}

/**
 * Returns a check for non-empty strings.
 * @param maxLength in UTF-16 code units
 * @param form a pattern that the string must match
 */
export function isText(maxLength: number, form?: RegExp): (value: unknown) => boolean {
  return (value) =>
    typeof value === 'string' && value !== '' && value.length <= maxLength && (form?.test(value) ?? true)
}

/** Returns a check that also accepts an absent field. */
export function optional(check: (value: unknown) => boolean): (value: unknown) => boolean {
  return (value) => value === undefined || check(value)
}
