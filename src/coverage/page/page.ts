/** A page as blocks, so that Markdown and HTML say the same. */
import type { Language } from '../words.ts'

/** How a mark is coloured. */
export type Tone = 'good' | 'bad' | 'open'

/** A mark beside a heading or in a cell. */
export interface Mark {
  readonly tone: Tone
  readonly text: string
}

/** What a cell of a table holds. */
export type Cell = string | number | Mark

/** One part of a page. */
export type Block =
  | { readonly kind: 'heading'; readonly level: 2 | 3; readonly text: string; readonly mark?: Mark }
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'table'; readonly head: readonly string[]; readonly rows: readonly (readonly Cell[])[] }
  /** Rows of a name and one or more values; commands are shown as code. */
  | { readonly kind: 'facts'; readonly rows: readonly Fact[] }

/** A name with its values. */
export interface Fact {
  readonly name: string
  readonly values: readonly string[]
  readonly isCode?: boolean
}

/** A page. */
export interface Page {
  readonly language: Language
  readonly title: string
  readonly blocks: readonly Block[]
}

/** Returns the blocks of a heading with what stands below it; none if there is nothing. */
export function section(text: string, ...blocks: readonly Block[]): readonly Block[] {
  const isFull = (block: Block) => !('rows' in block) || block.rows.length > 0
  const full = blocks.filter(isFull)
  return full.length === 0 ? [] : [{ kind: 'heading', level: 2, text }, ...full]
}

/** Makes a fact; undefined if it has no values. */
export function fact(name: string, values: readonly string[], isCode = false): Fact | undefined {
  const given = values.filter((value) => value !== '')
  return given.length === 0 ? undefined : { name, values: given, isCode }
}

/** Makes a block of those facts that there are. */
export function facts(...rows: readonly (Fact | undefined)[]): Block {
  return { kind: 'facts', rows: rows.filter((row) => row !== undefined) }
}
