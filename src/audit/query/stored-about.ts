/** What a log holds about a key, a person or a text: the records that `audit erase` would select, and those that stay. */
import { matcherOf } from '../erase/selector.ts'
import { type Entry, isBy, readEntry } from '../write/entry.ts'
import { readChains } from './read-chains.ts'
import { createReferenceResolver } from './references.ts'

/** Whom it is about. */
export type DataSubject =
  /** A key or another caller, by id or name. */
  | { readonly kind: 'key'; readonly id: string }
  /** A person behind a key, in lower case, and their name in events. */
  | { readonly kind: 'person'; readonly id: string; readonly pseudonym: string }
  /** A text that stands in the content of records. */
  | { readonly kind: 'text'; readonly text: string }

/** A record about somebody. */
export interface StoredRecord {
  /** As it is stored, with the texts that it refers to. */
  readonly line: string
  readonly chain: string
  readonly entry: Entry
}

/** Yields the records of all chains that are about a subject, in the order of their times. @throws what `fs` throws */
export async function* recordsAbout(file: string, subject: DataSubject): AsyncGenerator<StoredRecord> {
  const resolver = createReferenceResolver(file)
  const matchers = new Map<string, (line: string) => boolean>()
  // References end with their chain, so each has a matcher, which sees all of its lines.
  const matcherFor = (chain: string, text: string) => {
    const matcher = matchers.get(chain) ?? matcherOf({ subject: text })
    matchers.set(chain, matcher)
    return matcher
  }
  for await (const { line, chain } of readChains(file)) {
    const entry = readEntry(line)
    if (!entry) continue
    resolver.see(entry, chain)
    const isAbout =
      subject.kind === 'text' ? matcherFor(chain, subject.text)(line) : isAboutCaller(entry, subject)
    if (isAbout) yield { line: await resolver.resolve({ line, chain }, entry), chain, entry }
  }
}

type Caller = Exclude<DataSubject, { readonly kind: 'text' }>

function isAboutCaller(entry: Entry, subject: Caller): boolean {
  const { event, key, name, person } = entry
  if (subject.kind === 'key')
    return isBy(entry, subject.id) || (event !== undefined && (key === subject.id || name === subject.id))
  if (event === undefined) return person === subject.id
  return person === subject.pseudonym || name === subject.pseudonym
}

/** What the records about somebody add up to. */
export interface StoredSummary {
  readonly requests: number
  readonly events: number
  /** Requests whose texts, addresses and persons were erased. */
  readonly erased: number
  readonly firstAt: string | null
  readonly lastAt: string | null
  readonly inputTokens: number
  readonly outputTokens: number
  /** Addresses that requests came from. */
  readonly peers: number
}

const maxPeers = 100_000

/** Adds records up, one by one. */
export class StoredCounter {
  #requests = 0
  #events = 0
  #erased = 0
  #firstAt: string | null = null
  #lastAt: string | null = null
  #input = 0
  #output = 0
  readonly #peers = new Set<string>()

  add({ event, erased, time, usage, peer }: Entry): void {
    this.#firstAt ??= time
    this.#lastAt = time
    if (event !== undefined) {
      this.#events++
      return
    }
    this.#requests++
    if (erased !== undefined) this.#erased++
    this.#input += usage?.input ?? 0
    this.#output += usage?.output ?? 0
    if (typeof peer === 'string' && this.#peers.size < maxPeers) this.#peers.add(peer)
  }

  result(): StoredSummary {
    return {
      ...{ requests: this.#requests, events: this.#events, erased: this.#erased },
      ...{ firstAt: this.#firstAt, lastAt: this.#lastAt },
      ...{ inputTokens: this.#input, outputTokens: this.#output, peers: this.#peers.size },
    }
  }
}
