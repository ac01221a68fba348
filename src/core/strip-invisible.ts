/**
 * A text without what nobody sees: escape sequences, control characters, joiners, marks of direction, tags. They may stand
 * anywhere within a key or a name, and whoever copies it, or whatever takes them out, has it whole again. So what is
 * looked for is looked for in the bare text too. Only looked at: what leaves is for `detect/stream/controls.ts` to say.
 */
import { eachUnit, unitSet } from './code-units.ts'
import type { Span } from './text.ts'

/** A sequence that is longer is taken to end here. */
export const maxSequenceLength = 256
/** Escape, bell, and the controls of eight bits that begin and end sequences (ECMA-48). */
const esc = String.raw`\u001b`
const ends = String.raw`\u0007${esc}\u009c`
const begins = String.raw`(?:${esc}\[|\u009b)[0-?]{0,64}[ -/]{0,8}`
const string = String.raw`(?:${esc}[\]PX^_]|[\u009d\u0090\u0098\u009e\u009f])[^${ends}]{0,${maxSequenceLength}}`
/** As far as it came. */
export const sequence = String.raw`${begins}[@-~]?|${string}(?:\u0007|${esc}\\|\u009c)?|${esc}[ -/]{0,4}[0-~]?`
/** What a text may end with, of a sequence that is still being written. */
export const begunSequence = `${begins}|${string}${esc}?|${esc}[ -/]{0,4}`
/** Never needed for what is read. */
export const controlUnits = String.raw`\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u202a-\u202e\u2060-\u206f\ufeff\u115f\u1160\u3164\uffa0`
/** Joiners and variation selectors, which scripts and emoji need. */
export const joinerUnits = String.raw`\u200b-\u200d\ufe00-\ufe0f\u034f\u180e`
/**
 * Hyphens that show only at the end of a line, marks of direction, separators, fillers and marks of scripts (what Unicode
 * says is ignorable or a format, but for the few of those that are printed).
 */
const silentUnits = String.raw`\u00ad\u061c\u17b4\u17b5\u180b-\u180f\u200e\u200f\u2028\u2029\ufff0-\ufffb`
/** Of those beyond the basic plane: tags, selectors, joins of shorthand, music and hieroglyphs; the first unit of each. */
const tags = String.raw`[\u{13430}-\u{13455}\u{1BCA0}-\u{1BCA3}\u{1D173}-\u{1D17A}\u{E0000}-\u{E0FFF}]`
const tagUnit = String.raw`\ud80d\ud82f\ud834\udb40-\udb43`

/** Every unit with which something of it begins. */
export const unseenUnits = `${controlUnits}${joinerUnits}${silentUnits}${tagUnit}`
const unseen = new RegExp(`[${unseenUnits}]`)
/** The first half of a tag stands alone where the other is still to come. */
const runs = new RegExp(`(?:${sequence}|[${unseenUnits}]|${tags})+`, 'uy')

/** A text without invisible characters, with offsets into the original. */
export interface Bare {
  readonly text: string
  /** Where this unit stands in the text as it came; behind the last one, its end. */
  original(place: number): number
  /** The same stretch in the text as it came, with what stands unseen within it. */
  span(span: Span): Span
}

/** Returns whether a text has no invisible characters. */
export function isAllSeen(text: string): boolean {
  return !unseen.test(text)
}

/** Units with which nothing longer begins than themselves. */
const alone = new RegExp(`[${joinerUnits}${silentUnits}\\u202a-\\u202e\\u2060-\\u206f\\ufeff]`)
const isLonger = 2
const kinds = unitSet(unseen, isLonger)
eachUnit(alone, (unit) => {
  kinds[unit] = 1
})

/** Where the run of what nobody sees ends that begins at `at`; there, if none does. */
function endOfRun(text: string, at: number): number {
  let end = at
  while (kinds[text.charCodeAt(end)] === 1) end++
  // Joiners with nothing else among them are most of what there is, and many: a pattern takes its time for each run.
  if (end > at && kinds[text.charCodeAt(end)] !== isLonger) return end
  runs.lastIndex = at
  return runs.test(text) ? runs.lastIndex : at
}

/** @returns undefined if everything of it is seen. Linear */
export function stripInvisible(text: string): Bare | undefined {
  if (isAllSeen(text)) return undefined
  /** Where something was left out of the bare text, and how much up to there. */
  const places = new Int32Array((text.length >> 1) + 1)
  const left = new Int32Array(places.length)
  let count = 0
  const units = new Uint16Array(text.length)
  let length = 0
  for (let at = 0; at < text.length; ) {
    const unit = text.charCodeAt(at)
    const end = kinds[unit] === 0 ? at : endOfRun(text, at)
    if (end === at) {
      units[length++] = unit
      at++
    } else {
      at = end
      places[count] = length
      left[count++] = at - length
    }
  }
  if (count === 0) return undefined
  const plain = textOf(units.subarray(0, length))
  const original = (place: number) => {
    if (place >= plain.length) return text.length
    let low = 0
    let high = count
    while (low < high) {
      const middle = (low + high) >> 1
      if ((places[middle] as number) <= place) low = middle + 1
      else high = middle
    }
    return place + (low === 0 ? 0 : (left[low - 1] as number))
  }
  return {
    text: plain,
    original,
    span({ start, end }) {
      if (end >= plain.length) return { start: original(start), end: text.length }
      return { start: original(start), end: original(end - 1) + 1 }
    },
  }
}

/** As many as a call takes without running out of stack. */
const unitsAtOnce = 8192

function textOf(units: Uint16Array): string {
  let text = ''
  for (let at = 0; at < units.length; at += unitsAtOnce)
    text += Reflect.apply(String.fromCharCode, undefined, units.subarray(at, at + unitsAtOnce))
  return text
}

/** A name or a path as somebody reads it: compatibility forms undone (Unicode, NFKC), without what nobody sees. Linear */
export function asSeen(text: string): string {
  return (stripInvisible(text)?.text ?? text).normalize('NFKC')
}
