/**
 * Reads what a passage does: parts of an order that stand close together, whatever its words are. In what a tool
 * returned, a document or a definition, an order to the reader is suspicious in itself; in a user's message it is the
 * point. One pass over the parts in the order of their place, with one place remembered for each kind: linear, bounded.
 */
import type { Channel, Finding, FindingPart, Span } from '../../../core/text.ts'
import { type Part, weightOf } from './parts.ts'

/** Reads the parts of one text. */
export interface ActReader {
  /**
   * Takes a part of an order, in any order of place.
   * @returns whether there was room for it
   */
  see(part: Part, place: Span): boolean
  /** What was seen, in the order of place, named by its parts; places are those of `see`. */
  acts(): readonly Act[]
}

/** A part of an act, and where it stands. */
export interface SeenPart extends FindingPart {
  readonly part: Part
}

/** A finding without its category, with the parts of which it is made in the order of their place. */
export interface Act extends Omit<Finding, 'category'> {
  readonly parts: readonly SeenPart[]
}

/** UTF-16 code units within which parts belong to one order. */
const reach = 300
/** Parts of a text that are looked at; there is one every few words at most. */
const maxParts = 8192
/** From which weight on parts are an act that blocks by itself, and ones that tell along with something else. */
const enough = 7
const much = 6
const some = 4

/** What would be bad to do. */
const deeds: ReadonlySet<Part> = new Set(['sending', 'reach', 'action', 'answer', 'concealment', 'override'])
/** What makes it an order to the reader. */
const orders: ReadonlySet<Part> = new Set([
  'addressee',
  'demand',
  'urgency',
  'precondition',
  'authority',
  'pretext',
  'end',
  'hidden',
  'concealment',
])

/** What is said of everything. */
const common: ReadonlySet<Part> = new Set([
  'demand',
  'urgency',
  'target',
  'action',
  'answer',
  'reach',
  'sending',
  'override',
])

/** What users do not say of themselves: it was written by somebody else, and pasted. */
const pasted: ReadonlySet<Part> = new Set(['addressee', 'authority', 'concealment', 'end', 'hidden'])

/** An act, as far as it is one in a channel: a user may order what he likes, and what was pasted must be plain to see. */
export function actIn(channel: Channel, act: Act): Act | undefined {
  if (isOnlyRead(channel)) return act
  if (act.severity === 'low' || !act.parts.some(({ part }) => pasted.has(part))) return undefined
  return act.severity === 'high' ? act : { ...act, severity: 'low' }
}

/** Whether somebody else than the owner of a conversation may have written what stands in a channel. */
export function mayHoldActs(channel: Channel): boolean {
  return channel === 'user' || isOnlyRead(channel)
}

/** Channels whose texts are to be read and not obeyed. */
function isOnlyRead(channel: Channel): boolean {
  return channel === 'tool' || channel === 'document' || channel === 'definition'
}

interface Weighed extends Span {
  readonly weight: number
  readonly parts: readonly SeenPart[]
}

/** Makes a reader for one text. */
export function createActReader(): ActReader {
  const seen: SeenPart[] = []
  return {
    see(part, { start, end }) {
      const hasRoom = seen.length < maxParts
      if (hasRoom) seen.push({ part, start, end })
      return hasRoom
    },
    acts() {
      if (seen.length < 2) return []
      const acts: Weighed[] = []
      const last = new Map<Part, SeenPart>()
      for (const each of seen.sort((a, b) => a.start - b.start)) {
        last.delete(each.part)
        last.set(each.part, each)
        const act = actOf([...last.values()].filter(({ start }) => start >= each.start - reach))
        const before = acts.at(-1)
        if (!act) continue
        if (!before || before.end <= act.start) acts.push(act)
        else if (act.weight > before.weight) acts[acts.length - 1] = act
      }
      return acts.map(({ start, end, weight, parts }) => ({
        id: `acts.${parts
          .map(({ part }) => part)
          .toSorted()
          .join('+')}`,
        severity: weight >= enough ? 'high' : weight >= much ? 'medium' : 'low',
        start,
        end,
        parts,
      }))
    },
  }
}

function isWithin(inner: Span, outer: Span): boolean {
  return outer.start <= inner.start && inner.end <= outer.end
}

/** @param near at most one of each kind */
function actOf(near: readonly SeenPart[]): Weighed | undefined {
  const own: SeenPart[] = []
  for (const part of near.toSorted((a, b) => weightOf[b.part] - weightOf[a.part]))
    if (!own.some((each) => isWithin(part, each) || isWithin(each, part))) own.push(part)
  const weight = own.reduce((sum, { part }) => sum + weightOf[part], 0)
  const isOrdered = own.some(
    (deed) => deeds.has(deed.part) && own.some((each) => each !== deed && orders.has(each.part)),
  )
  if (weight < some || !isOrdered) return undefined
  // Two parts may meet by chance, and everybody says what must be done.
  const isPlain = own.length < 3 || own.every(({ part }) => common.has(part))
  const start = Math.min(...own.map((each) => each.start))
  const end = Math.max(...own.map((each) => each.end))
  const parts = own.toSorted((a, b) => a.start - b.start)
  return { weight: isPlain ? Math.min(weight, enough - 1) : weight, parts, start, end }
}
