/** What is wrong with a value, and what to write instead, by what the schema asks for. */
import { parseDuration, parseSize, printDuration, printSize } from '../core/units.ts'
import { didYouMean } from './problem.ts'
import type { SchemaNode } from './schema/node.ts'

/** What is asked for, behind "must be". */
export function wantedBy(node: SchemaNode): string {
  const { wanted, type, enum: words, minimum, maximum, minLength, maxLength } = node
  if (wanted !== undefined) return wanted
  if (words) return `one of ${words.join(', ')}`
  if (node.const !== undefined) return JSON.stringify(node.const)
  if (type === 'integer')
    return (maximum ?? unboundedCount) < unboundedCount
      ? `an integer from ${minimum ?? 0} to ${maximum}`
      : `an integer of at least ${minimum ?? 0}`
  if (type === 'string' && maxLength !== undefined) return `a string of 1 to ${maxLength} characters`
  if (type === 'string') return minLength ? 'a non-empty string' : 'a string'
  return kinds[type ?? ''] ?? 'something else'
}

const kinds: Readonly<Record<string, string>> = {
  number: 'a number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a mapping of keys to values',
}

/** What no count exceeds, and so need not be told. */
const unboundedCount = 1e12

/**
 * @param shown whether the message may repeat the value: not what came from a variable, or is a secret
 * @returns what goes behind the name of the key
 */
export function faultOf(node: SchemaNode, value: unknown, shown: boolean): string {
  if (value === null || value === undefined)
    return `is empty: it must be ${wantedBy(node)}; remove the key to use the default`
  const outOfRange = rangeFault(node, value)
  if (outOfRange !== undefined) return outOfRange
  const must = `must be ${wantedBy(node)}`
  if (!shown) return must
  const stranger = node.type === 'string' && node.pattern === undefined ? undefined : strangerIn(value)
  if (stranger !== undefined) return `${must}: ${stranger}`
  return `${must}${cure(node, value)}`
}

/** What is of the right kind and too small or too large is told only that. */
function rangeFault(node: SchemaNode, value: unknown): string | undefined {
  const { type, anyOf, minimum, maximum, form, min, max } = node
  const counted = anyOf?.find((each) => each.type === 'integer')
  if (counted) return rangeFault(counted, value)
  const amountOf = form === 'duration' ? parseDuration : form === 'size' ? parseSize : undefined
  const amount = typeof value === 'string' ? amountOf?.(value) : undefined
  if (amountOf && amount !== undefined) {
    if (min !== undefined && amount < (amountOf(min) ?? 0)) return `must be at least ${min}`
    return max === undefined ? undefined : `must be at most ${max}`
  }
  if (typeof value !== 'number' || (type === 'integer' && !Number.isInteger(value))) return undefined
  if (minimum !== undefined && value < minimum && maximum === unboundedCount) return undefined
  if (minimum !== undefined && value < minimum) return `must be at least ${minimum}`
  return maximum !== undefined && value > maximum ? `must be at most ${maximum}` : undefined
}

/** Letters of other alphabets and typographic signs pass for what should stand there. */
function strangerIn(value: unknown): string | undefined {
  const [sign] = typeof value === 'string' ? (/[^\x20-\x7e]/u.exec(value) ?? []) : []
  if (sign === undefined) return undefined
  return `\`${/\p{C}|\p{Z}/u.test(sign) ? '' : sign}\` (${codeOf(sign)}) is not an ASCII character even if it looks like one: retype it`
}

/** Returns the code point of a character, such as `U+00E9`. */
export function codeOf(sign: string): string {
  return `U+${(sign.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`
}

/** Behind what is wanted: what was probably meant. */
function cure(node: SchemaNode, value: unknown): string {
  const { type, enum: words, form } = node
  if (words) return wordMeant(words.map(String), value)
  const meant = meantBy(node, value)
  if (meant !== undefined) return `: write ${meant}`
  if (type === 'array' && typeof value === 'object') return ', not a mapping: begin each item with `- `'
  if (type === 'object' && Array.isArray(value)) return ', not a list: write names as keys, without `- `'
  if (type === 'object' && typeof value === 'string' && /^[\w-]+:\S/.test(value))
    return ': add a space after the colon'
  if (form === 'duration' && typeof value === 'number') return `: add a unit, such as ${value || 1}s`
  return ''
}

function wordMeant(words: readonly string[], value: unknown): string {
  if (value === false && words.includes('off')) return ' (did you mean `off`?)'
  if (Array.isArray(value)) return ', not a list'
  return typeof value === 'string' ? didYouMean(value, words) : ''
}

function meantBy(node: SchemaNode, value: unknown): string | undefined {
  const { type, form, anyOf } = node
  if (anyOf?.some((each) => each.type === 'integer') || type === 'integer') return countMeant(value)
  if (form === 'duration') return durationMeant(value)
  if (form === 'size') return sizeMeant(value)
  if (form === 'address') return addressMeant(value)
  if (type === 'boolean') return truthMeant(value)
  if (type === 'array' && typeof value !== 'object') return `[${asWritten(value)}]`
  if (type === 'string' && typeof value !== 'object') return value === '' ? undefined : `"${String(value)}"`
  return undefined
}

function asWritten(value: unknown): string {
  return typeof value === 'string' && !/^[\w./-]+$/.test(value) ? JSON.stringify(value) : String(value)
}

function countMeant(value: unknown): string | undefined {
  if (typeof value !== 'string') return undefined
  const [, digits = '', unit] = /^(\d{1,9})\s*([km])$/i.exec(value) ?? []
  if (unit !== undefined) {
    const [decimal, binary] = unit.toLowerCase() === 'k' ? [1000, 1024] : [1000 ** 2, 1024 ** 2]
    return `${Number(digits) * decimal} or ${Number(digits) * binary}`
  }
  return /^\d[\d_,. ']{0,15}$/.test(value) ? value.replaceAll(/\D/g, '') : undefined
}

const units: Readonly<Record<string, number>> = {
  ...{
    ms: 1,
    msec: 1,
    millisecond: 1,
    s: 1000,
    sec: 1000,
    second: 1000,
    m: 60_000,
    min: 60_000,
    minute: 60_000,
  },
  ...{ h: 3_600_000, hr: 3_600_000, hour: 3_600_000, d: 86_400_000, day: 86_400_000 },
  ...{ w: 604_800_000, week: 604_800_000, month: 2_592_000_000, y: 31_536_000_000, yr: 31_536_000_000 },
  year: 31_536_000_000,
}

function durationMeant(value: unknown): string | undefined {
  const text = typeof value === 'string' ? value.trim().toLowerCase() : ''
  if (!/^(?:\d{1,9}(?:\.\d{1,3})?\s*[a-z]+\s*)+$/.test(text)) return undefined
  let ms = 0
  for (const [, digits, name = ''] of text.matchAll(/(\d+(?:\.\d+)?)\s*([a-z]+)/g)) {
    const unit = units[name] ?? units[name.replace(/s$/, '')]
    if (unit === undefined) return undefined
    ms += Number(digits) * unit
  }
  return ms > 0 ? printDuration(Math.round(ms)) : undefined
}

function sizeMeant(value: unknown): string | undefined {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return printSize(value)
  const [, digits = '', prefix] =
    /^(\d{1,9}(?:\.\d{1,3})?)\s*([kmgt]?)(?:i?b|bytes?)?$/i.exec(String(value).trim()) ?? []
  if (typeof value !== 'string' || prefix === undefined) return undefined
  return printSize(Math.round(Number(digits) * 1024 ** ' kmgt'.indexOf(prefix.toLowerCase() || ' ')))
}

function addressMeant(value: unknown): string | undefined {
  const text = String(value)
    .replace(/^[a-z]+:\/\//, '')
    .replace(/\/$/, '')
  if (/^\d{1,5}$/.test(text)) return `127.0.0.1:${text}`
  const [, port] = /^(?:\*|\[?::\]?)?:(\d{1,5})$/.exec(text) ?? []
  if (port !== undefined)
    return `0.0.0.0:${port} for all networks, or 127.0.0.1:${port} for this machine only`
  return text !== value && /^[\w.-]+:\d{1,5}$/.test(text) ? text : undefined
}

function truthMeant(value: unknown): string | undefined {
  const text = String(value).toLowerCase()
  if (/^(?:yes|y|on|true|1|enabled?)$/.test(text)) return 'true'
  return /^(?:no|n|off|false|0|disabled?|never)$/.test(text) ? 'false' : undefined
}
