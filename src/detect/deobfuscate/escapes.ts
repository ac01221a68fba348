/** Escapes of JSON and programs, of URLs and of HTML, undone: `\u0069`, `\x69`, `\n`, `%69`, `&#105;`, `&amp;`. */
import type { Edit } from '../injection/text-view.ts'
import { sign } from './prefilter.ts'

// Escapes may be escaped in their turn; more backslashes than these are nobody's. A line's end matters where a word
// follows, which would begin with an `n`.
const backslashed =
  /\\{1,8}(?:u([0-9a-fA-F]{4})|u\{([0-9a-fA-F]{1,6})\}|x([0-9a-fA-F]{2})|([0-3][0-7]{2})|([nrtbfv])(?=[\p{L}\p{N}]))/gu
const meant: Readonly<Record<string, string>> = { n: '\n', r: '\n', t: '\t', b: ' ', f: ' ', v: ' ' }
const percented = /(?:%[0-9a-fA-F]{2})+/g
const entity =
  /&(?:#(\d{1,7})|#[xX]([0-9a-fA-F]{1,6})|(lt|gt|amp|quot|apos|nbsp|shy|zwnj|zwj|Tab|NewLine|colon|period|comma|excl|lpar|rpar|lowbar|hyphen|sol));?/g
const named: Readonly<Record<string, string>> = {
  lt: '<',
  gt: '>',
  amp: '&',
  quot: '"',
  apos: "'",
  nbsp: ' ',
  shy: '',
  zwnj: '',
  zwj: '',
  Tab: ' ',
  NewLine: '\n',
  colon: ':',
  period: '.',
  comma: ',',
  excl: '!',
  lpar: '(',
  rpar: ')',
  lowbar: '_',
  hyphen: '-',
  sol: '/',
}

/** @param seen what the survey saw */
export function escapeEdits(text: string, seen: number): Edit[] {
  const edits: Edit[] = []
  const add = (match: RegExpMatchArray, meaning: string | undefined) => {
    const start = match.index ?? 0
    if (meaning !== undefined) edits.push({ start, end: start + match[0].length, text: meaning })
  }
  if (seen & sign.backslash)
    for (const match of text.matchAll(backslashed)) {
      const [, unit, point, byte, octal, letter] = match
      if (letter !== undefined) add(match, meant[letter])
      else
        add(
          match,
          character(Number.parseInt(unit ?? point ?? byte ?? octal ?? '', octal === undefined ? 16 : 8)),
        )
    }
  if (seen & sign.percent) for (const match of text.matchAll(percented)) add(match, unpercented(match[0]))
  if (seen & sign.ampersand)
    for (const match of text.matchAll(entity)) {
      const [, decimal, hex, name] = match
      if (name !== undefined) add(match, named[name])
      else add(match, character(decimal === undefined ? Number.parseInt(hex ?? '', 16) : Number(decimal)))
    }
  return edits
}

function character(code: number): string | undefined {
  return code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : undefined
}

function unpercented(found: string): string {
  try {
    return decodeURIComponent(found)
  } catch {
    return found.replaceAll(/%([2-7][0-9a-fA-F])/g, (_all, hex: string) =>
      String.fromCharCode(Number.parseInt(hex, 16)),
    )
  }
}
