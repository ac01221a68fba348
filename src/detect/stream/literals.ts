/**
 * Whether literals stand in a text, or have begun at its end, answered piece by piece with one table look-up a
 * character: most pieces of an answer are asked nothing else. (`automaton.ts` walks whole texts and cannot go on.)
 */

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
  const row = () => new Int32Array(count).fill(-1)
  // Two roots: within a word, and where one may begin.
  const next: Int32Array[] = [row(), row()]
  const ends = [false, false]
  const begun = [false, false]
  const add = (literal: string, root: number, opens: boolean) => {
    let state = root
    for (let at = 0; at < literal.length; at++) {
      const unit = classes[literal.charCodeAt(at)] as number
      const branches = next[state] as Int32Array
      if (branches[unit] === -1) {
        branches[unit] = next.push(row()) - 1
        ends.push(false)
        begun.push(opens)
      } else if (opens) begun[branches[unit] as number] = true
      state = branches[unit] as number
    }
    ends[state] = true
  }
  for (const literal of opening) add(literal, isWordUnit(literal.charCodeAt(0)) ? 1 : 0, true)
  for (const literal of others) add(literal, 0, false)

  // Breadth first: where there is no branch, on as from the longest proper ending.
  const table = new Int32Array(next.length * count)
  const suffix = new Int32Array(next.length)
  const queue = [0, 1]
  for (const state of queue) {
    const fallback = suffix[state] as number
    if (state > 1) {
      ends[state] ||= ends[fallback] as boolean
      begun[state] ||= begun[fallback] as boolean
    }
    for (let unit = 0; unit < count; unit++) {
      const branch = (next[state] as Int32Array)[unit] as number
      const inWord = isWordUnit(unit)
      const elsewhere = state === 0 ? (inWord ? 0 : 1) : (table[fallback * count + unit] as number)
      table[state * count + unit] = branch === -1 ? elsewhere : branch
      if (branch === -1) continue
      suffix[branch] = elsewhere
      queue.push(branch)
    }
  }
  // Negative where a literal ends, and still saying where that is.
  for (let cell = 0; cell < table.length; cell++) {
    const state = table[cell] as number
    if (ends[state]) table[cell] = ~state
  }
  const waits = Uint8Array.from(begun, (each) => (each ? 1 : 0))

  return {
    behind(text) {
      let state = 1
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

/** What stands in no literal ends a word, as the control characters do, whose class it shares. */
function classify(literals: readonly string[]) {
  const classes = Uint8Array.from({ length: 0x10000 }, (_, unit) => (unit < ascii ? unit : 0))
  let count = ascii
  for (const literal of literals)
    for (let at = 0; at < literal.length; at++) {
      const unit = literal.charCodeAt(at)
      if (unit >= ascii && classes[unit] === 0) classes[unit] = count++
    }
  if (count > 0x100) throw new RangeError('too many letters beyond ASCII in literals')
  return { classes, count }
}

export function isWordUnit(unit: number): boolean {
  return (unit >= 0x30 && unit <= 0x39) || ((unit | 0x20) >= 0x61 && (unit | 0x20) <= 0x7a)
}
