/**
 * The phrases of a matcher as a tree: those that begin alike share their first steps, and steps of the same literals share
 * one set of them. What a matcher asks of it for every text it reads is in arrays of numbers.
 */
import type { SoughtLiteral } from './literal-finder.ts'
import type { Literal, Step } from './phrase.ts'

/** A step of one or several phrases. */
export interface Node {
  /** The step before, or -1. */
  readonly parent: number
  readonly step: Step
  /** The phrases that are complete with it. */
  readonly phrases: number[]
}

/** The tree, as a matcher walks it. */
export interface PhraseTree {
  readonly nodes: readonly Node[]
  /** The longest first, so that of hits with one end the longest comes first; and of equal texts those that open a word. */
  readonly literals: readonly SoughtLiteral[]
  /** The set of literals of each node's step. */
  readonly setOf: readonly number[]
  /** The literals of each set. */
  readonly sets: readonly (readonly number[])[]
}

/** @param fold the unit that each unit of text and phrases is read as */
export function growTree(phrases: readonly (readonly Step[])[], fold: Uint16Array): PhraseTree {
  const literals = shareLiterals(phrases, fold)
  const sets = new Map<string, { readonly index: number; readonly members: readonly number[] }>()
  const nodes: Node[] = []
  const setOf: number[] = []
  const known = new Map<string, number>()
  for (const [phrase, steps] of phrases.entries()) {
    let parent = -1
    for (const step of steps) {
      const members = [...new Set(step.literals.map((literal) => literals.indexOf(literal)))].sort(
        (a, b) => a - b,
      )
      const name = members.join()
      const set = sets.get(name) ?? { index: sets.size, members }
      sets.set(name, set)
      const key = `${parent} ${set.index} ${step.gap}`
      let node = known.get(key)
      if (node === undefined) {
        node = nodes.push({ parent, step, phrases: [] }) - 1
        setOf.push(set.index)
        known.set(key, node)
      }
      parent = node
    }
    nodes[parent]?.phrases.push(phrase)
  }
  return { nodes, literals: literals.ordered, setOf, sets: [...sets.values()].map(({ members }) => members) }
}

interface SharedLiterals {
  readonly ordered: readonly SoughtLiteral[]
  indexOf(literal: Literal): number
}

function shareLiterals(phrases: readonly (readonly Step[])[], fold: Uint16Array): SharedLiterals {
  // Under their texts, for each pair of what they ask for: there are tens of thousands, most of them alike.
  const kindOf = ({ opens, closes }: SoughtLiteral) => (opens ? 2 : 0) + (closes ? 1 : 0)
  const written = [0, 1, 2, 3].map(() => new Map<string, SoughtLiteral>())
  const shared = [0, 1, 2, 3].map(() => new Map<string, SoughtLiteral>())
  for (const steps of phrases)
    for (const { literals } of steps)
      for (const literal of literals) {
        const kind = kindOf(literal)
        if (written[kind]?.has(literal.text)) continue
        const text = foldedBy(fold, literal.text)
        const sought = shared[kind]?.get(text) ?? { text, opens: literal.opens, closes: literal.closes }
        shared[kind]?.set(text, sought)
        written[kind]?.set(literal.text, sought)
      }
  const ordered = shared
    .flatMap((ofKind) => [...ofKind.values()])
    .sort((a, b) => b.text.length - a.text.length || Number(b.opens) - Number(a.opens))
  const places = new Map(ordered.map((sought, index) => [sought, index]))
  const indices = written.map(
    (ofKind) => new Map([...ofKind].map(([text, sought]) => [text, places.get(sought) ?? 0])),
  )
  return { ordered, indexOf: (literal) => indices[kindOf(literal)]?.get(literal.text) ?? 0 }
}

function foldedBy(fold: Uint16Array, text: string): string {
  let folded = ''
  for (let at = 0; at < text.length; at++) folded += String.fromCharCode(fold[text.charCodeAt(at)] ?? 0)
  return folded
}

/** Lists of numbers end to end: list `n` is what stands between `from[n]` and `from[n + 1]`. */
export interface Lists {
  readonly from: Int32Array
  readonly all: Int32Array
}

/** Puts lists of numbers end to end. */
export function listsOf(lists: readonly (readonly number[])[]): Lists {
  const from = new Int32Array(lists.length + 1)
  for (const [at, { length }] of lists.entries()) from[at + 1] = (from[at] ?? 0) + length
  const all = new Int32Array(from[lists.length] ?? 0)
  for (const [at, list] of lists.entries()) all.set(list, from[at])
  return { from, all }
}

/** For each value below `count`, the lists that hold it, in order. */
export function invert(lists: readonly (readonly number[])[], count: number): number[][] {
  const holders: number[][] = Array.from({ length: count }, () => [])
  for (const [at, list] of lists.entries()) for (const value of list) holders[value]?.push(at)
  return holders
}
