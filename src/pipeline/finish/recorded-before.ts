/**
 * Which texts stand in the log already, and where. An agent sends its whole conversation again with every step; a record
 * then refers to what an earlier one of the same key has. Known by digest: to hold the texts of a day would be a second
 * log in memory, unmasked. Where the same object stands for a text from request to request, that is looked for first: to
 * digest a conversation costs more than all other work on what is only referred to.
 *
 * Begins empty with every start, so that a receiver that was sent all records of a run can resolve them all.
 */
import { hash } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import type { Text } from '../../core/text.ts'

/** A text that may be on record. */
export interface KnownText {
  /** The record that has it, the last one if several do, and the place among the entries of its prompt; 0: none has it. */
  seq: number
  index: number
  /** Its digest and its channel. */
  readonly key: string
  readonly length: number
}

/** Where a text stands: in which record, and at which index of its `prompt`. */
export interface TextPlace {
  readonly seq: number
  readonly index: number
}

/** What the prompt of a record is made of: each text of the request, and the entry by which the record has it. */
export interface RecordedRow {
  readonly seq: number
  /** Undefined: nothing may refer to it. */
  readonly texts: readonly (KnownText | undefined)[]
  /** Indices of the entries, in ascending order. */
  readonly entries: readonly number[]
}

/** An index of the texts that are on record. */
export interface RecordedBefore {
  /** @returns what is known of the text, also if it is on no record; then `keep` takes it up */
  find(owner: string, text: Text): KnownText
  /** Notes that the text now stands at this place. @param found by `find`, if it was asked */
  keep(owner: string, text: Text, place: TextPlace, found?: KnownText): KnownText
  /** Returns the row of a record, if it is one of the last. */
  row(owner: string, seq: number): RecordedRow | undefined
  keepRow(owner: string, row: RecordedRow): void
  /** Records are gone, or their texts: nothing may refer to them any more. */
  forget(): void
}

/** How much is known, in characters of the texts; what was not used for the longest is forgotten first. */
export interface RecordedBeforeBounds {
  readonly maxOfOwner?: number
  readonly max?: number
}

const standardBounds = { maxOfOwner: 4 * 1024 * 1024, max: 32 * 1024 * 1024 }
/** Characters that a text counts as at least: what is kept of it takes some 250 bytes. */
const minCounted = 512
/** Characters that each text of a row counts as. */
const countedInRow = 24
/** The rows of an owner may take one part in four of its bound. */
const rowShare = 4

interface Owner {
  readonly texts: LRUCache<string, KnownText>
  readonly rows: LRUCache<number, RecordedRow>
}

/** What is known of a text object that several requests share. */
interface Lasting {
  readonly owner: string
  readonly known: KnownText
}

/** Makes an empty index. */
export function createRecordedBefore(bounds: RecordedBeforeBounds = {}): RecordedBefore {
  return new BoundedRecordedBefore({ ...standardBounds, ...bounds })
}

class BoundedRecordedBefore implements RecordedBefore {
  readonly #maxOfOwner: number
  readonly #owners: LRUCache<string, Owner>
  #lasting = new WeakMap<Text, Lasting>()

  constructor({ maxOfOwner, max }: Required<RecordedBeforeBounds>) {
    this.#maxOfOwner = maxOfOwner
    this.#owners = new LRUCache({
      maxSize: max,
      sizeCalculation: ({ texts, rows }) => Math.max(minCounted, texts.calculatedSize + rows.calculatedSize),
      dispose: ({ texts }, _owner, reason) => {
        if (reason === 'evict') texts.clear()
      },
    })
  }

  find(owner: string, text: Text): KnownText {
    const of = this.#owners.get(owner)
    const lasting = text.lasting && this.#lasting.get(text)
    if (of && lasting && lasting.owner === owner && lasting.known.seq > 0) {
      // Marks it as recently used there, too.
      of.texts.get(lasting.known.key)
      return lasting.known
    }
    const key = keyOf(text)
    const known = of?.texts.get(key)
    if (known && text.lasting) this.#lasting.set(text, { owner, known })
    return known ?? { key, length: text.text.length, seq: 0, index: 0 }
  }

  keep(owner: string, text: Text, { seq, index }: TextPlace, found?: KnownText): KnownText {
    const { texts } = this.#ownerOf(owner)
    const key = found?.key ?? keyOf(text)
    const known = texts.get(key) ?? { key, length: text.text.length, seq, index }
    known.seq = seq
    known.index = index
    texts.set(key, known)
    if (text.lasting) this.#lasting.set(text, { owner, known })
    return known
  }

  row(owner: string, seq: number): RecordedRow | undefined {
    return this.#owners.get(owner)?.rows.get(seq)
  }

  keepRow(owner: string, row: RecordedRow): void {
    const of = this.#ownerOf(owner)
    of.rows.set(row.seq, row)
    // Set again, so that the cache looks at its new size.
    this.#owners.delete(owner)
    this.#owners.set(owner, of)
  }

  forget(): void {
    for (const { texts } of this.#owners.values()) texts.clear()
    this.#owners.clear()
    this.#lasting = new WeakMap()
  }

  #ownerOf(owner: string): Owner {
    const of = this.#owners.get(owner) ?? {
      texts: new LRUCache<string, KnownText>({
        maxSize: this.#maxOfOwner,
        sizeCalculation: ({ length }) => Math.max(minCounted, length),
        // A record that found it earlier must not refer to it any more.
        dispose: (known) => {
          known.seq = 0
        },
      }),
      rows: new LRUCache<number, RecordedRow>({
        maxSize: Math.ceil(this.#maxOfOwner / rowShare),
        sizeCalculation: ({ texts }) => minCounted + texts.length * countedInRow,
      }),
    }
    if (!this.#owners.has(owner)) this.#owners.set(owner, of)
    return of
  }
}

function keyOf({ channel, text }: Text): string {
  return `${hash('sha256', text, 'base64')} ${channel}`
}
