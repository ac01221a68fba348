/**
 * Resolves what records refer to: texts of a prompt that stand in earlier records of the same segment. Remembers what was
 * read last, as much as a gateway may refer to; what a reference names besides is read once more.
 */
import { LRUCache } from 'lru-cache'
import { linesOf } from '../../files/lines.ts'
import { chainNamed } from '../chains.ts'
import { type Entry, readEntry } from '../write/entry.ts'
import { bytesOf, segmentsOf } from '../write/segments.ts'
import type { ChainLine } from './read-chains.ts'

/** A reference as it stands in a line: `[seq, index]`, or `[seq, index, count]`. */
export interface Reference {
  readonly seq: number
  readonly index: number
  readonly count: number
}

/** Reads an entry of a prompt as a reference. @returns undefined if it is none */
export function referenceIn(entry: unknown): Reference | undefined {
  if (typeof entry !== 'object' || entry === null || !('ref' in entry) || !Array.isArray(entry.ref))
    return undefined
  const [seq, index, count = 1] = entry.ref as unknown[]
  const isPlace = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 0
  if (!isPlace(seq) || !isPlace(index) || !isPlace(count) || count === 0) return undefined
  return { seq: seq as number, index: index as number, count: count as number }
}

/** Resolves the references of the records of a log, which are shown to it in the order of their chain. */
export interface ReferenceResolver {
  /** Remembers what later records may refer to. */
  see(entry: Entry, chain: string): void
  /**
   * Puts the texts in the place of the references. Each keeps its `ref`; where its record was erased, `erased` names the
   * erasure. What is not there stays a reference. @returns the line with its texts, without the salt, which does not fit
   * them; or the line as it is, if it refers to nothing
   */
  resolve(line: ChainLine, entry: Entry): Promise<string>
}

interface Remembered {
  readonly prompt: readonly unknown[]
  readonly erased: string | undefined
  readonly characters: number
}

/** Half as much again as a gateway may refer to. */
const maxCharacters = 48 * 1024 * 1024
const charactersOfEntry = 64
/** Of one record: a log that was made to be long must not fill the memory. */
const maxResolved = 65_536
const maxResolvedCharacters = 64 * 1024 * 1024
/** How often a segment is read once more. */
const maxRereads = 64

/** Makes a resolver that has seen nothing. @param max characters that it remembers */
export function createReferenceResolver(file: string, max = maxCharacters): ReferenceResolver {
  return new LogReferences(file, max)
}

class LogReferences implements ReferenceResolver {
  readonly #file: string
  readonly #seen: LRUCache<string, Remembered>
  #rereads = 0

  constructor(file: string, max: number) {
    this.#file = file
    this.#seen = new LRUCache({ maxSize: max, sizeCalculation: ({ characters }) => characters })
  }

  see({ seq, prompt, erased, identity }: Entry, chain: string): void {
    if (!identity || (erased === undefined && !Array.isArray(prompt))) return
    const entries = Array.isArray(prompt) ? (prompt as readonly unknown[]) : []
    const characters = entries.reduce((sum: number, entry) => sum + lengthOf(entry) + charactersOfEntry, 1)
    this.#seen.set(`${seq} ${chain}`, { prompt: entries, erased, characters })
  }

  async resolve({ line, chain }: ChainLine, entry: Entry): Promise<string> {
    const { prompt, salt: _salt, ...rest } = entry
    if (!Array.isArray(prompt) || !prompt.some(referenceIn)) return line
    let resolved = this.#resolved(entry.seq, prompt, chain)
    if (!resolved.isWhole && this.#rereads < maxRereads) {
      this.#rereads++
      await this.#reread(entry, chain)
      resolved = this.#resolved(entry.seq, prompt, chain)
    }
    // In its place among the fields.
    const names = Object.keys(entry).filter((name) => name !== 'salt')
    return JSON.stringify(
      Object.fromEntries(names.map((name) => [name, name === 'prompt' ? resolved.prompt : rest[name]])),
    )
  }

  /** Without recursion: a conversation of thousands of turns refers as deep. */
  #resolved(seq: number, prompt: readonly unknown[], chain: string) {
    const texts: object[] = []
    let isWhole = true
    let characters = 0
    const open = [{ seq, entries: prompt, at: 0, until: prompt.length }]
    for (let top = open.at(-1); top; top = open.at(-1)) {
      if (top.at >= top.until) {
        open.pop()
        continue
      }
      const index = top.at++
      const entry = top.entries[index] as object
      const reference = referenceIn(entry)
      if (!reference) {
        characters += lengthOf(entry)
        texts.push(top.seq === seq ? entry : { ref: [top.seq, index], ...entry })
        continue
      }
      const found = reference.seq < top.seq ? this.#seen.get(`${reference.seq} ${chain}`) : undefined
      const until = reference.index + reference.count
      const isOpen = texts.length < maxResolved && characters < maxResolvedCharacters
      if (found?.erased !== undefined) texts.push({ ...entry, erased: found.erased })
      else if (isOpen && found && until <= found.prompt.length)
        open.push({ seq: reference.seq, entries: found.prompt, at: reference.index, until })
      else {
        texts.push(entry)
        isWhole &&= found !== undefined
      }
    }
    return { prompt: texts, isWhole }
  }

  /** Reads the records of the same caller that stand in the segment before this one. */
  async #reread({ seq, identity }: Entry, chain: string): Promise<void> {
    const segments = segmentsOf(chainNamed(this.#file, chain))
    const segment = segments.findLast(({ first }) => first === undefined || first <= seq)
    if (!segment) return
    for await (const line of linesOf(bytesOf(segment))) {
      const entry = readEntry(line)
      if (!entry) continue
      if (entry.seq >= seq) return
      if (entry.identity?.id === identity?.id) this.see(entry, chain)
    }
  }
}

function lengthOf(entry: unknown): number {
  return typeof entry === 'object' && entry !== null && 'text' in entry && typeof entry.text === 'string'
    ? entry.text.length
    : 0
}
