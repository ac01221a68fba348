/**
 * What a record keeps of the texts of a request, within `audit.maxText`. First what a guard found, with what surrounds
 * it; then what is new, the newest first, so that a long system prompt or an old conversation does not take the room of
 * what the user and the tools just said. What an earlier record has is named by digest, the rest by digest and length.
 */
import type { PlacedPrompt, RecordedExcerpt, RecordedText } from '../../audit/write/record.ts'
import type { Severity, Text } from '../../core/text.ts'
import type { Masker } from '../../detect/sensitive/mask.ts'
import type { JudgedFinding } from '../findings.ts'
import { namesApart } from './names-apart.ts'
import { maxTexts, PromptWriter } from './prompt-writer.ts'
import type { KnownText, RecordedBefore } from './recorded-before.ts'
import type { TextBudget } from './text-budget.ts'

const maxExcerpts = 32
/** Characters before and behind a finding, and of the finding itself. */
const surrounding = 200
const maxFindingLength = 1000
/** And as far as a value may reach of which only the middle would be seen: tokens and keys of some kilobytes. */
const maskedAround = 16 * 1024
/** Characters of a text that is worth a look elsewhere. */
const longText = 1024
/** Of the room, for the answer: only the newest text may take all of it. */
const answerShare = 4

/** Ranks severities for sorting. */
export const heaviestFirst: Readonly<Record<Severity, number>> = { high: 0, medium: 1, low: 2 }

/** How texts are put on record. */
export interface RecordingOptions {
  readonly masker: Masker
  readonly room: TextBudget
  /** Whose texts may be referred to; undefined: nobody's. */
  readonly owner: string | undefined
  readonly before: RecordedBefore
}

/** The texts of a request, as its record has them. */
export interface RecordedTexts {
  readonly prompt: PlacedPrompt
  /** The answer has its room: what is left may go to a text that had to wait for it. */
  fill(): void
}

/** Puts the texts of a request on record, the newest first, as far as there is room. */
export function recordTexts(said: readonly Text[], options: RecordingOptions): RecordedTexts {
  const { masker, room, owner, before } = options
  const texts = namesApart(said, masker)
  const kept = new Map<number, string>()
  const found: (KnownText | undefined)[] = []
  const known: (KnownText | undefined)[] = []
  const answerRoom = Math.floor(room.bytes / answerShare)
  let postponed: { readonly index: number; readonly masked: string } | undefined
  let leave = 0
  const saidLast = texts.findLastIndex(({ channel }) => channel === 'assistant')
  for (let index = texts.length - 1; index >= 0; index--) {
    const text = texts[index] as Text
    if (owner !== undefined && !isAsked(text, index > saidLast)) {
      const one = before.find(owner, text)
      found[index] = one
      if (one.seq > 0) {
        known[index] = one
        continue
      }
    }
    const { length } = text.text
    // Masking costs: what there is no room for is not read for it, but for the one that may get what is left.
    if (room.mayTake(length, leave) || (!postponed && room.mayTake(length))) {
      const masked = masker.mask(text.text)
      if (room.take(masked, leave)) kept.set(index, masked)
      else postponed ??= { index, masked }
    }
    leave = answerRoom
  }
  return {
    prompt(place) {
      for (const [index, one] of known.entries()) {
        if (!one || one.seq >= place.segment) continue
        // A segment was begun meanwhile, or it was forgotten: then it is written whole after all.
        known[index] = undefined
        const { text } = texts[index] as Text
        const masked = room.mayTake(text.length) ? masker.mask(text) : undefined
        if (masked !== undefined && room.take(masked)) kept.set(index, masked)
      }
      const writer = new PromptWriter(texts, kept, known, place)
      if (owner === undefined) return writer.write()
      // The newest record that has one of them: mostly the step before this one, which has all but what is new.
      const newest = known.reduce((seq, one) => Math.max(seq, one?.seq ?? 0), 0)
      const prompt = writer.write(before.row(owner, newest))
      const row = writer.texts.map(({ at, index }) => {
        const text = texts[at] as Text
        return kept.has(at) ? before.keep(owner, text, { seq: place.seq, index }, found[at]) : known[at]
      })
      before.keepRow(owner, { seq: place.seq, texts: row, entries: writer.texts.map(({ index }) => index) })
      return prompt
    },
    fill() {
      if (postponed && room.take(postponed.masked)) kept.set(postponed.index, postponed.masked)
    },
  }
}

/** What is asked now stands there, if it is not long, though the same was asked before. */
function isAsked({ channel, text }: Text, isLast: boolean): boolean {
  return isLast && (channel === 'user' || channel === 'tool') && text.length < longText
}

/** Of what the policy wants no word of. */
export function withoutWords(texts: readonly Text[]): RecordedTexts {
  return { prompt: () => texts.slice(-maxTexts).map(lengthOf), fill: () => {} }
}

/** Records of a text how long it is, and nothing else. */
export function lengthOf({ channel, text }: Text): RecordedText {
  return { channel, length: text.length, sha256: null }
}

interface Excerpt {
  readonly channel: string
  readonly of: string
  readonly start: number
  readonly end: number
  readonly findings: string[]
}

/** What of a record may be made while the model is working: all but the response, masked. */
export interface RecordedPrompt {
  readonly texts: RecordedTexts | undefined
  readonly excerpts: readonly RecordedExcerpt[]
  readonly masker: Masker
  /** What is left of `audit.maxText` for the response. */
  readonly room: TextBudget
  /** Whether the policy wants any word of it on record. */
  readonly isKept: boolean
}

/** The heaviest findings; those that stand together share an excerpt. */
export function recordExcerpts(
  findings: readonly JudgedFinding[],
  masker: Masker,
  room: TextBudget,
): RecordedExcerpt[] {
  const excerpts: Excerpt[] = []
  for (const { id, severity: _severity, channel, text, start, end } of findings.toSorted(byWeight)) {
    if (text === undefined) continue
    const until = Math.min(end, start + maxFindingLength)
    const shown = excerpts.find(
      (each) => each.of === text && each.channel === channel && each.start <= start && until <= each.end,
    )
    if (shown) {
      if (!shown.findings.includes(id)) shown.findings.push(id)
      continue
    }
    if (excerpts.length >= maxExcerpts) break
    excerpts.push({
      channel,
      of: text,
      start: Math.max(0, start - surrounding),
      end: Math.min(text.length, until + surrounding),
      findings: [id],
    })
  }
  return excerpts.flatMap(({ channel, of, start, end, findings: ids }) => {
    const from = Math.max(0, start - maskedAround)
    const shown = Math.max(start, endOfBegun(of, from, end))
    const masked = masker.mask(of.slice(from, end + maskedAround), { start: shown - from, end: end - from })
    const text = room.cut(shown === start ? masked : withheld + masked)
    return text === '' ? [] : [{ channel, findings: ids, text }]
  })
}

/** Stands for what cannot be judged. */
const withheld = '<withheld>'
/** Behind it no line of a key follows. */
const endOfWord = /\s(?![\w+/=]{24,100}\s)/

/**
 * Where what has begun before a place ends, within an excerpt: what it is, its beginning says, which the masker is not
 * given. So the rest of a word (or of lines as keys have them) that is longer than what the masker is given is not shown.
 */
function endOfBegun(text: string, from: number, end: number): number {
  if (from === 0) return 0
  const at = text.slice(from - 1, end).search(endOfWord)
  return at === -1 ? end : from - 1 + at
}

function byWeight(a: JudgedFinding, b: JudgedFinding): number {
  return heaviestFirst[a.severity] - heaviestFirst[b.severity]
}
