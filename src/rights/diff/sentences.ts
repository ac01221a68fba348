/** One difference between two policies as sentences. */
import type { SchemaNode } from '../../policy/schema/node.ts'
import type { Change, Placed } from './changes.ts'
import { type Direction, directionOf } from './direction.ts'
import type { Side } from './side.ts'
import { shown } from './value-text.ts'

/** A difference, in words. */
export interface Difference {
  readonly path: string
  readonly sentence: string
  readonly direction: Direction
}

/** Names texts, the way policies quote them. */
export function listed(texts: readonly string[]): string {
  return texts.map((text) => `\`${text}\``).join(', ')
}

/** What a role may use, by key. */
const uses: Readonly<Record<string, string>> = {
  routes: 'use the routes',
  models: 'use the models',
  allow: 'use the features',
}

/** Says what is different. @param holders how many keys have the role, as the end of a sentence */
export function sentencesOf(
  change: Change,
  { before, after }: { readonly before: Side; readonly after: Side },
  holders: (role: string) => string,
): readonly Difference[] {
  const path = change.path.join('.')
  const [top, role, key = ''] = change.path.map(String)
  const isOfRole = top === 'roles' && role !== undefined && change.path.length > 2
  const end = isOfRole ? holders(role) : ''
  const what = isOfRole ? `role \`${role}\`: \`${change.path.slice(2).join('.')}\`` : `\`${path}\``
  const tell = (sentence: string, direction: Direction): Difference => ({
    path,
    sentence: sentence + end,
    direction,
  })
  if (change.isOrder) return [tell(`${what} has another order`, 'other')]
  if (change.items) {
    const verb = isOfRole && change.path.length === 3 ? uses[key] : undefined
    const [may, mayNot] = verb
      ? [`role \`${role}\` may now ${verb}`, `role \`${role}\` may no longer ${verb}`]
      : [`${what} now has`, `${what} no longer has`]
    return (['added', 'removed'] as const).flatMap((kind) => {
      const items = change.items?.[kind] ?? []
      if (items.length === 0) return []
      const only = { added: [], removed: [], [kind]: items }
      const direction = directionOf({ ...change, items: only })
      const text =
        kind === 'added'
          ? `${may} ${itemsText(change.node, change.after, items, after)}`
          : `${mayNot} ${itemsText(change.node, change.before, items, before)}`
      return [tell(text, direction)]
    })
  }
  return [tell(`${what} ${changed(change, before, after)}`, directionOf(change))]
}

function itemsText(node: SchemaNode, { path, value }: Placed, items: readonly string[], side: Side): string {
  const all: readonly unknown[] = Array.isArray(value) ? value : []
  return listed(
    items.map((item) => {
      const index = all.findIndex((each) => String(each) === item)
      return (
        shown(node.items ?? {}, { value: item, path: [...path, index] }, side) ?? 'a value from a variable'
      )
    }),
  )
}

function changed({ node, before, after }: Change, old: Side, now: Side): string {
  const was = before.value === undefined ? undefined : (shown(node, before, old) ?? null)
  const is = after.value === undefined ? undefined : (shown(node, after, now) ?? null)
  if (is === undefined) return was === null ? 'is not set any more' : `is not set any more (was ${was})`
  if (is === null) return was === undefined ? 'is now set' : 'has another value'
  return was === undefined || was === null ? `is now ${is}` : `is now ${is} (was ${was})`
}
