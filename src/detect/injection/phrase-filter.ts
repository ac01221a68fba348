/**
 * Rules out the phrases of which a text lacks a step. Most texts hold a common word of many phrases and nothing else of
 * them, so a phrase is looked at only when its rarest step is there.
 */
import { invert, type Lists, listsOf, type PhraseTree } from './phrase-tree.ts'

/** Rules out phrases before any is verified. */
export interface PhraseFilter {
  /**
   * Selects the phrases of which every step is among the hits.
   * @param pairs literals and ends, in turns
   * @returns whether there are any
   */
  select(pairs: Int32Array, length: number): boolean
  /** Of each literal that was hit, the nodes of selected phrases that it can be, later steps first. */
  readonly nodes: Int32Array
  /** Where a literal's nodes begin and end among `nodes`. */
  readonly from: Int32Array
  readonly to: Int32Array
}

/** Makes the filter of a tree's phrases; it holds state, and serves one text at a time. */
export function createPhraseFilter(tree: PhraseTree): PhraseFilter {
  return new Filter(tree)
}

/** Larger turns are no small integers any more. */
const maxTurn = 0x3fff_ffff

class Filter implements PhraseFilter {
  nodes = new Int32Array(256)
  readonly from: Int32Array
  readonly to: Int32Array

  readonly #parents: Int32Array
  readonly #setOf: Int32Array
  readonly #setsOf: Lists
  readonly #nodesOf: Lists
  /** For each set, the last nodes of the phrases of which it is the rarest step. */
  readonly #anchored: Lists
  /** The number of the text marks what is in it, so that nothing needs clearing between texts. */
  #turn = 0
  readonly #heardIn: Int32Array
  readonly #thereIn: Int32Array
  readonly #wantedIn: Int32Array
  readonly #possibleIn: Int32Array
  readonly #heard: Int32Array
  readonly #candidates: Int32Array

  constructor({ nodes, literals, sets, setOf }: PhraseTree) {
    this.#parents = Int32Array.from(nodes, ({ parent }) => parent)
    this.#setOf = Int32Array.from(setOf)
    this.#setsOf = listsOf(invert(sets, literals.length))
    // A word that may be two steps of a phrase must be the later one before it becomes the earlier one anew.
    this.#nodesOf = listsOf(
      invert(
        setOf.map((set) => [set]),
        sets.length,
      ).map((own) => own.reverse()),
    )
    this.#anchored = listsOf(anchorsOf({ nodes, literals, sets, setOf }))
    this.from = new Int32Array(literals.length)
    this.to = new Int32Array(literals.length)
    this.#heardIn = new Int32Array(literals.length)
    this.#heard = new Int32Array(literals.length)
    this.#thereIn = new Int32Array(sets.length)
    this.#wantedIn = new Int32Array(sets.length)
    this.#possibleIn = new Int32Array(nodes.length)
    this.#candidates = new Int32Array(nodes.length)
  }

  select(pairs: Int32Array, length: number): boolean {
    this.#begin()
    const turn = this.#turn
    const heardIn = this.#heardIn
    const heard = this.#heard
    let count = 0
    let candidates = 0
    for (let hit = 0; hit < length; hit += 2) {
      const literal = pairs[hit] as number
      if (heardIn[literal] === turn) continue
      heardIn[literal] = turn
      heard[count++] = literal
      candidates = this.#hear(literal, candidates)
    }
    let isAny = false
    for (let at = 0; at < candidates; at++) {
      const last = this.#candidates[at] as number
      if (!this.#isThere(last)) continue
      isAny = true
      this.#allow(last)
    }
    if (isAny) this.#collect(count)
    return isAny
  }

  #begin(): void {
    if (this.#turn < maxTurn) this.#turn++
    else {
      for (const marks of [this.#heardIn, this.#thereIn, this.#wantedIn, this.#possibleIn]) marks.fill(0)
      this.#turn = 1
    }
  }

  /** @returns how many candidates there are with it */
  #hear(literal: number, candidates: number): number {
    const { from, all } = this.#setsOf
    const anchored = this.#anchored
    const turn = this.#turn
    const last = from[literal + 1] as number
    let count = candidates
    for (let at = from[literal] as number; at < last; at++) {
      const set = all[at] as number
      if (this.#thereIn[set] === turn) continue
      this.#thereIn[set] = turn
      const end = anchored.from[set + 1] as number
      for (let each = anchored.from[set] as number; each < end; each++)
        this.#candidates[count++] = anchored.all[each] as number
    }
    return count
  }

  #isThere(last: number): boolean {
    let node = last
    while (node !== -1 && this.#thereIn[this.#setOf[node] as number] === this.#turn)
      node = this.#parents[node] as number
    return node === -1
  }

  #allow(last: number): void {
    const turn = this.#turn
    for (
      let node = last;
      node !== -1 && this.#possibleIn[node] !== turn;
      node = this.#parents[node] as number
    ) {
      this.#possibleIn[node] = turn
      this.#wantedIn[this.#setOf[node] as number] = turn
    }
  }

  #collect(count: number): void {
    const sets = this.#setsOf
    const own = this.#nodesOf
    const turn = this.#turn
    let length = 0
    for (let index = 0; index < count; index++) {
      const literal = this.#heard[index] as number
      const start = length
      const last = sets.from[literal + 1] as number
      for (let at = sets.from[literal] as number; at < last; at++) {
        const set = sets.all[at] as number
        if (this.#wantedIn[set] !== turn) continue
        const end = own.from[set + 1] as number
        for (let each = own.from[set] as number; each < end; each++) {
          const node = own.all[each] as number
          if (this.#possibleIn[node] === turn) length = this.#insert(node, start, length)
        }
      }
      this.from[literal] = start
      this.to[literal] = length
    }
  }

  /** Keeps what stands from `start` on in descending order. */
  #insert(node: number, start: number, length: number): number {
    if (length === this.nodes.length) {
      const larger = new Int32Array(4 * length)
      larger.set(this.nodes)
      this.nodes = larger
    }
    let at = length
    for (; at > start && (this.nodes[at - 1] as number) < node; at--)
      this.nodes[at] = this.nodes[at - 1] as number
    this.nodes[at] = node
    return length + 1
  }
}

/** For each set, the last nodes of the phrases of which it is the rarest step. */
function anchorsOf({ nodes, literals, sets, setOf }: PhraseTree): number[][] {
  const frequencies = literals.map(({ text }) => frequencyOf(text))
  const frequency = sets.map((members) =>
    members.reduce((sum, literal) => sum + (frequencies[literal] ?? 0), 0),
  )
  const anchored: number[][] = sets.map(() => [])
  for (const [last, { phrases }] of nodes.entries()) {
    if (phrases.length === 0) continue
    let rarest = setOf[last] ?? 0
    for (let node = last; node !== -1; node = nodes[node]?.parent ?? -1) {
      const set = setOf[node] ?? 0
      if ((frequency[set] ?? 0) < (frequency[rarest] ?? 0)) rarest = set
    }
    anchored[rarest]?.push(last)
  }
  return anchored
}

/** Of letters in English text, in per cent; anything else counts as one in a hundred. */
const percents = Object.entries({ e: 12, t: 9, a: 8, o: 7.5, i: 7, n: 7, s: 6, h: 6, r: 6, d: 4, l: 4, u: 3 })
const shares = new Map(percents.map(([letter, percent]) => [letter, percent / 100]))

/** How often a text may hold it: letters after letters, as if none depended on another. */
function frequencyOf(literal: string): number {
  return [...literal].reduce((product, letter) => product * (shares.get(letter) ?? 0.01), 1)
}
