/**
 * Tells whether literals stand in a text, or have begun at its end, answered piece by piece with one table look-up a
 * character: most pieces of an answer are asked nothing else. (`automaton.ts` walks whole texts and cannot go on.)
 */
import { unitCount } from '../../core/code-units.ts'

/** A set of literals that is walked piece by piece. */
export interface Literals {
  /** @returns the state behind a text that has left, whatever stood in it */
  behind(text: string): number
  /** @returns the state behind the piece, or -1 if a character of it is none of `calm` or a literal ends in it */
  step(state: number, piece: string): number
  /** Whether an `opening` literal has begun at the end. */
  hasBegun(state: number): boolean
}

/** Units below are classes of their own; further ones are those that occur in a literal. */
const ascii = 128

/**
 * Makes the table that is walked.
 * @param opening literals that must not leave before it is clear whether they are complete; only where a word begins
 * @param others literals that are only told
 * @param calm 1 for every unit that may pass
 */
export function createLiterals(
  opening: readonly string[],
  others: readonly string[],
  calm: Uint8Array,
): Literals {
  const { classes, count } = classify([...opening, ...others])
  const trie = new Trie(classes, count)
  for (const literal of opening)
    trie.add(literal, isWordUnit(literal.charCodeAt(0)) ? wordRoot : innerRoot, true)
  for (const literal of others) trie.add(literal, innerRoot, false)
  const table = trie.link()
  const waits = Uint8Array.from(trie.begun, (each) => (each ? 1 : 0))

  return {
    behind(text) {
      let state: number = wordRoot
      for (let at = 0; at < text.length; at++) {
        const to = table[state * count + (classes[text.charCodeAt(at)] as number)] as number
        state = to < 0 ? ~to : to
      }
      return state
    },
    step(state, piece) {
      for (let at = 0; at < piece.length; at++) {
        const unit = piece.charCodeAt(at)
        if (calm[unit] === 0) return -1
        state = table[state * count + (classes[unit] as number)] as number
        if (state < 0) return -1
      }
      return state
    },
    hasBegun: (state) => waits[state] === 1,
  }
}

/** Two roots: within a word, and where one may begin. */
const innerRoot = 0
const wordRoot = 1

class Trie {
  readonly #classes: Uint8Array
  readonly #count: number
  readonly #next: Int32Array[]
  readonly #ends = [false, false]
  /** By state: whether one that opens has begun there. */
  readonly begun = [false, false]

  constructor(classes: Uint8Array, count: number) {
    this.#classes = classes
    this.#count = count
    this.#next = [this.#row(), this.#row()]
  }

  add(literal: string, root: number, opens: boolean): void {
    let state = root
    for (let at = 0; at < literal.length; at++) {
      const unit = this.#classes[literal.charCodeAt(at)] as number
      const branches = this.#next[state] as Int32Array
      if (branches[unit] === -1) {
        branches[unit] = this.#next.push(this.#row()) - 1
        this.#ends.push(false)
        this.begun.push(opens)
      } else if (opens) this.begun[branches[unit] as number] = true
      state = branches[unit] as number
    }
    this.#ends[state] = true
  }

  /** Resolves every step, breadth first: where there is no branch, on as from the longest proper ending. */
  link(): Int32Array {
    const table = new Int32Array(this.#next.length * this.#count)
    const suffix = new Int32Array(this.#next.length)
    const queue: number[] = [innerRoot, wordRoot]
    for (const state of queue) {
      const fallback = suffix[state] as number
      if (state > wordRoot) {
        this.#ends[state] ||= this.#ends[fallback] as boolean
        this.begun[state] ||= this.begun[fallback] as boolean
      }
      for (let unit = 0; unit < this.#count; unit++) {
        const branch = (this.#next[state] as Int32Array)[unit] as number
        const root = isWordUnit(unit) ? innerRoot : wordRoot
        const elsewhere = state === innerRoot ? root : (table[fallback * this.#count + unit] as number)
        table[state * this.#count + unit] = branch === -1 ? elsewhere : branch
        if (branch === -1) continue
        suffix[branch] = elsewhere
        queue.push(branch)
      }
    }
    // Negative where a literal ends, and still saying where that is.
    return table.map((state) => (this.#ends[state] ? ~state : state))
  }

  #row(): Int32Array {
    return new Int32Array(this.#count).fill(-1)
  }
}

/** What stands in no literal ends a word, as the control characters do, whose class it shares. */
function classify(literals: readonly string[]) {
  const classes = new Uint8Array(unitCount)
  for (let unit = 0; unit < ascii; unit++) classes[unit] = unit
  let count = ascii
  for (const literal of literals)
    for (let at = 0; at < literal.length; at++) {
      const unit = literal.charCodeAt(at)
      if (unit >= ascii && classes[unit] === 0) classes[unit] = count++
    }
  if (count > 0x100) throw new RangeError('too many letters beyond ASCII in literals')
  return { classes, count }
}

/** Tells letters and digits of ASCII. */
export function isWordUnit(unit: number): boolean {
  return (unit >= 0x30 && unit <= 0x39) || ((unit | 0x20) >= 0x61 && (unit | 0x20) <= 0x7a)
}
