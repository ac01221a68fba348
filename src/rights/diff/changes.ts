/** What differs between two configs, by the schema: every key is looked at, so that nothing is dropped in silence. */
import { parseAmount, parseDuration, parseSize } from '../../core/units.ts'
import type { SchemaNode } from '../../policy/schema/node.ts'
import type { Path } from '../../policy/source.ts'

/** A value on one side, and where it stands in that file. */
export interface Placed {
  readonly value: unknown
  readonly path: Path
}

/** A difference. */
export interface Change {
  /** Items of lists by name, where they have one. */
  readonly path: Path
  readonly node: SchemaNode
  readonly before: Placed
  readonly after: Placed
  /** Of a list of texts: what was added and removed. */
  readonly items?: { readonly added: readonly string[]; readonly removed: readonly string[] }
  /** Only the order differs, where the first that matches applies. */
  readonly isOrder?: true
}

/** Lists every difference. */
export function changesBetween(
  node: SchemaNode,
  before: Placed,
  after: Placed,
  path: Path = [],
): readonly Change[] {
  if (isSame(node, before.value, after.value)) return []
  const change: Change = { path, node, before, after }
  if (isMapping(before.value) && isMapping(after.value)) return betweenMappings(change)
  if (Array.isArray(before.value) && Array.isArray(after.value)) {
    const texts = textsOf(before.value, after.value)
    if (texts) return [{ ...change, items: itemsOf(texts.before, texts.after) }]
    return betweenLists(change)
  }
  return [change]
}

function betweenMappings(change: Change): readonly Change[] {
  const { node, before, after, path } = change
  const { properties = {}, patternProperties = {} } = node
  const [member] = Object.values(patternProperties)
  if (!member && Object.keys(properties).length === 0) return [change]
  const keys = [...Object.keys(before.value as object), ...Object.keys(after.value as object)]
  const all = [...new Set(keys)].flatMap((key) => {
    const inner = properties[key] ?? member ?? {}
    return changesBetween(inner, inside(before, key), inside(after, key), [...path, key])
  })
  const [top] = path
  const isOrdered = path.length === 1 && (top === 'models' || top === 'prices')
  return isOrdered ? [...all, ...orderOf(change, namesIn(before), namesIn(after))] : all
}

function betweenLists(change: Change): readonly Change[] {
  const { node, before, after, path } = change
  const [old, now] = [byName(before), byName(after)]
  const all = [...new Set([...old.keys(), ...now.keys()])].flatMap((name) =>
    changesBetween(
      node.items ?? {},
      old.get(name) ?? { value: undefined, path: before.path },
      now.get(name) ?? { value: undefined, path: after.path },
      [...path, name],
    ),
  )
  const ordered = [...all, ...orderOf(change, [...old.keys()], [...now.keys()])]
  return ordered.length > 0 ? ordered : [change]
}

function orderOf(change: Change, before: readonly string[], after: readonly string[]): Change[] {
  const [old, now] = [new Set(before), new Set(after)]
  const common = before.filter((name) => now.has(name))
  const same = after.filter((name) => old.has(name)).every((name, index) => name === common[index])
  return same ? [] : [{ ...change, isOrder: true }]
}

function namesIn({ value }: Placed): string[] {
  return isMapping(value) ? Object.keys(value) : []
}

/** Names items by what sets them apart; by their place, where that is not enough. */
function byName({ value, path }: Placed): ReadonlyMap<string, Placed> {
  const items: readonly unknown[] = Array.isArray(value) ? value : []
  const named = items.map(
    (item, index) => [nameOf(item) ?? String(index), { value: item, path: [...path, index] }] as const,
  )
  const isUnique = new Set(named.map(([name]) => name)).size === named.length
  return new Map(isUnique ? named : named.map(([, placed], index) => [String(index), placed]))
}

function nameOf(item: unknown): string | undefined {
  if (!isMapping(item)) return undefined
  const { match, issuer, prefix, name } = item
  if (isMapping(match))
    return Object.entries(match)
      .map(([kind, text]) => `${kind}:${String(text)}`)
      .join(' ')
  const own = [issuer, prefix, name].find((each) => typeof each === 'string')
  return typeof own === 'string' ? own : undefined
}

function inside({ value, path }: Placed, key: string): Placed {
  const member = isMapping(value) && Object.hasOwn(value, key) ? value[key] : undefined
  return { value: member, path: [...path, key] }
}

/** The order of such a list means nothing. */
function textsOf(before: readonly unknown[], after: readonly unknown[]) {
  const isText = (item: unknown): item is string | number | boolean => typeof item !== 'object'
  if (!before.every(isText) || !after.every(isText)) return undefined
  return { before: before.map(String), after: after.map(String) }
}

function itemsOf(before: readonly string[], after: readonly string[]) {
  return {
    added: [...new Set(after)].filter((item) => !before.includes(item)),
    removed: [...new Set(before)].filter((item) => !after.includes(item)),
  }
}

/** Compares what values mean: an hour is sixty minutes. */
function isSame(node: SchemaNode, before: unknown, after: unknown): boolean {
  return JSON.stringify(meaningOf(node, before)) === JSON.stringify(meaningOf(node, after))
}

/** Returns a value in a form in which equal meanings are equal. */
export function meaningOf(node: SchemaNode, value: unknown): unknown {
  if (typeof value === 'string') return numberOf(node, value) ?? value
  if (Array.isArray(value)) {
    const list: readonly unknown[] = value
    const items = list.map((item) => meaningOf(node.items ?? {}, item))
    // As in `textsOf`.
    return items.every((item) => typeof item !== 'object') ? [...new Set(items)].toSorted() : items
  }
  if (!isMapping(value)) return value
  const [member] = Object.values(node.patternProperties ?? {})
  const entries = Object.entries(value).filter(([, inner]) => inner !== undefined)
  // Where the first that matches applies, order is meaning, which `orderOf` looks at.
  const sorted = member ? entries : entries.toSorted(([a], [b]) => (a < b ? -1 : 1))
  return sorted.map(([key, inner]) => [key, meaningOf(node.properties?.[key] ?? member ?? {}, inner)])
}

/** Returns the amount of a duration, a size, or a count with a unit. */
export function numberOf({ form, anyOf }: SchemaNode, value: unknown): number | undefined {
  if (typeof value === 'number') return value
  if (typeof value !== 'string') return undefined
  if (form === 'duration') return parseDuration(value)
  if (form === 'size') return parseSize(value)
  return anyOf ? parseAmount(value) : undefined
}

/** Tells whether a value is an object with keys. */
export function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
