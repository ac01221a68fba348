/**
 * A text as somebody reads it who undoes its escapes: JSON's (`\n`, `\"`, `\u0040`, also escaped again) and those of
 * URLs (`%40`). A tool's arguments are JSON inside JSON, where the `n` of a `\n` would pass for a letter in front of a
 * card number. Never leaves the process; it is only looked at.
 */
import type { Span } from '../core/text.ts'

export interface Unescaped {
  readonly text: string
  /** The same place in the escaped text. */
  original(span: Span): Span
}

/** Escapes may be escaped in their turn; more backslashes than these are no JSON of anybody. */
const escapes = /\\{1,8}(?:u([0-9a-fA-F]{4})|([nrtbf"'/]))|%([2-7][0-9a-fA-F])/g
const meant: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', b: ' ', f: ' ' }

/** @returns undefined if there is nothing to undo */
export function unescaped(text: string): Unescaped | undefined {
  if (!text.includes('\\') && !text.includes('%')) return undefined
  const starts: number[] = []
  let plain = ''
  let from = 0
  const copy = (to: number) => {
    for (let at = from; at < to; at++) starts.push(at)
    plain += text.slice(from, to)
  }
  for (const match of text.matchAll(escapes)) {
    copy(match.index)
    const [whole, unit, letter, octet] = match
    starts.push(match.index)
    const code = unit ?? octet
    plain +=
      code === undefined ? (meant[letter ?? ''] ?? letter) : String.fromCharCode(Number.parseInt(code, 16))
    from = match.index + whole.length
  }
  if (from === 0) return undefined
  copy(text.length)
  starts.push(text.length)
  return {
    text: plain,
    original: ({ start, end }) => ({ start: starts[start] ?? 0, end: starts[end] ?? text.length }),
  }
}
