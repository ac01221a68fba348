/**
 * Masks JSON as `mask.ts` masks texts, and sees besides what a value is called that does not stand directly behind its
 * name: `{"password": ["…"]}`, `{"secret": {"value": "…"}}`.
 */
import { type JsonValue, tryJson } from '../../core/json.ts'
import type { Masker } from './mask.ts'
import { secretNames } from './named-secrets.ts'
import { endOfValue } from './secret-values.ts'

/** What is deeper is masked as text. */
const deepest = 32
const maxPathLength = 64

/** @param text JSON; anything else is masked as text */
export function maskJson(text: string, masker: Masker): string {
  const value = tryJson(text)
  const named =
    value === undefined ? value : maskNamed(value, { names: [], isInArray: false, depth: 0 }, masker)
  // As it was written, unless a name was needed: a number may have more digits than we can read.
  return masker.mask(named === value ? text : JSON.stringify(named))
}

interface MemberContext {
  readonly names: readonly string[]
  readonly isInArray: boolean
  readonly depth: number
}

/** @returns the value itself where nothing of it is masked */
function maskNamed(value: JsonValue, context: MemberContext, masker: Masker): JsonValue {
  const { names, isInArray, depth } = context
  if (typeof value === 'string')
    return isInArray || names.length > 1 || isLonger(value, names) ? maskOne(value, names, masker) : value
  if (typeof value !== 'object' || value === null || depth > deepest) return value
  let changed = false
  const mask = (each: JsonValue, inside: Omit<MemberContext, 'depth'>) => {
    const masked = maskNamed(each, { ...inside, depth: depth + 1 }, masker)
    changed ||= masked !== each
    return masked
  }
  if (Array.isArray(value)) {
    const items = value.map((each) => mask(each, { names, isInArray: true }))
    return changed ? items : value
  }
  const members = Object.entries(value).map(
    ([name, each]) => [name, mask(each, { names: [...names, name], isInArray: false })] as const,
  )
  return changed ? Object.fromEntries(members) : value
}

/** A secret that goes on behind what would end it in prose. */
function isLonger(value: string, [name = '']: readonly string[]): boolean {
  return endOfValue.test(value) && secretNames.some((word) => name.includes(word))
}

function maskOne(value: string, names: readonly string[], masker: Masker): string {
  const lead = `${names.join('_').slice(-maxPathLength)}":"`
  const masked = masker.mask(lead + value)
  if (!masked.startsWith(lead)) return value
  const rest = masked.slice(lead.length)
  return /^<secret:[^>]*>/.exec(rest)?.[0] ?? rest
}
