/**
 * The texts of a prompt as entries of its record: written whole, referred to, or by their digest. What an earlier record
 * has in a row is one reference: as that record wrote it, or, where it referred to the texts itself, as it did.
 */
import { createHash } from 'node:crypto'
import type { LogPlace, RecordedText, RecordReference } from '../../audit/write/record.ts'
import type { Text } from '../../core/text.ts'
import type { KnownText, RecordedRow } from './recorded-before.ts'

/** Entries of a record's prompt; what precedes the last of them is summed up in one. */
export const maxTexts = 256
/** Characters. The digest of a shorter text could be reversed by trying texts. */
const minDigestedLength = 256

/** A text, by its index in the request, and the index of the entry that has it. */
interface WrittenText {
  readonly at: number
  readonly index: number
}

/** Writes the entries of one prompt. */
export class PromptWriter {
  readonly #texts: readonly Text[]
  readonly #kept: ReadonlyMap<number, string>
  readonly #known: readonly (KnownText | undefined)[]
  readonly #place: LogPlace
  readonly #entries: RecordedText[] = []
  /** For each entry the first of its texts. */
  readonly #firsts: number[] = []
  #row: RecordedRow | undefined
  /** For each text of the row that begins an entry, its index there. */
  #starts: ReadonlyMap<KnownText | undefined, number> | undefined
  /** Those that stand in the entries one by one, in their order. */
  texts: readonly WrittenText[] = []

  /**
   * @param kept texts that are written whole, masked, by their index
   * @param known texts that stand in records of the segment of `place`, by their index
   */
  constructor(
    texts: readonly Text[],
    kept: ReadonlyMap<number, string>,
    known: readonly (KnownText | undefined)[],
    place: LogPlace,
  ) {
    this.#texts = texts
    this.#kept = kept
    this.#known = known
    this.#place = place
  }

  /** @param row of an earlier record, which may have many of the texts in a row */
  write(row?: RecordedRow): RecordedText[] {
    this.#row = row && row.seq >= this.#place.segment ? row : undefined
    for (let at = 0; at < this.#texts.length; ) {
      this.#firsts.push(at)
      const { channel } = this.#texts[at] as Text
      const masked = this.#kept.get(at)
      if (masked === undefined && this.#known[at]) at = this.#refer(at)
      else {
        this.#entries.push(
          masked === undefined ? digestOf(this.#texts[at++] as Text) : { channel, text: masked },
        )
        if (masked !== undefined) at++
      }
    }
    const more = this.#entries.length - maxTexts
    if (more <= 0) {
      this.#noteTexts(0, 0)
      return this.#entries
    }
    this.#noteTexts(more, 1)
    return [restOf(this.#texts.slice(0, this.#firsts[more])), ...this.#entries.slice(more)]
  }

  /** @param from the first entry @param before how many others stand before it */
  #noteTexts(from: number, before: number): void {
    this.texts = this.#firsts.slice(from).flatMap((first, entry) => {
      const until = this.#firsts[from + entry + 1] ?? this.#texts.length
      return Array.from({ length: until - first }, (_, more) => ({ at: first + more, index: before + entry }))
    })
  }

  /** Refers to as many texts as stand in a row. @returns the index of the text behind them */
  #refer(from: number): number {
    const inRow = this.#inRow(from)
    if (inRow) {
      this.#entries.push({ ref: inRow.ref })
      return inRow.until
    }
    const { seq, index } = this.#known[from] as KnownText
    let until = from + 1
    for (; until < this.#texts.length; until++) {
      const next = this.#known[until]
      if (next?.seq !== seq || next.index !== index + until - from) break
    }
    this.#entries.push({ ref: referenceOf(seq, index, until - from) })
    return until
  }

  /** What the row has from this text on, in whole entries. */
  #inRow(from: number): { readonly ref: RecordReference; readonly until: number } | undefined {
    const start = this.#startOf(from)
    if (!this.#row || start === undefined) return undefined
    const { seq, texts, entries } = this.#row
    let end = start
    for (let at = start; at < texts.length && texts[at] && texts[at] === this.#known[from + at - start]; at++)
      if (entries[at + 1] !== entries[at]) end = at + 1
    if (end === start) return undefined
    const first = entries[start] as number
    const count = (entries[end - 1] as number) - first + 1
    return { ref: referenceOf(seq, first, count), until: from + end - start }
  }

  /** Finds where a text begins an entry of the row; mostly at the same index. */
  #startOf(from: number): number | undefined {
    const row = this.#row
    const known = this.#known[from]
    if (!row) return undefined
    if (row.texts[from] === known && row.entries[from] !== row.entries[from - 1]) return from
    const isFirst = (at: number) => row.entries[at] !== row.entries[at - 1]
    this.#starts ??= new Map(row.texts.flatMap((each, at) => (isFirst(at) ? [[each, at] as const] : [])))
    return this.#starts.get(known)
  }
}

function referenceOf(seq: number, index: number, count: number): RecordReference {
  return count === 1 ? [seq, index] : [seq, index, count]
}

/** Records of a text its length and, where that tells nothing, its SHA-256. */
export function digestOf({ channel, text }: Text): RecordedText {
  const sha256 = text.length < minDigestedLength ? null : createHash('sha256').update(text).digest('hex')
  return { channel, length: text.length, sha256 }
}

function restOf(texts: readonly Text[]): RecordedText {
  const digest = createHash('sha256')
  let length = 0
  for (const { text } of texts) {
    digest.update(text).update('\n')
    length += text.length
  }
  return { channel: 'rest', texts: texts.length, length, sha256: digest.digest('hex') }
}
