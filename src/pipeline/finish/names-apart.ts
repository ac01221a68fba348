/**
 * Splits the names of tools and calls, which a prompt has as one text at its end. The text grows with every step of an
 * agent, so no record could refer to it as a whole. A hash of each name decides whether a piece ends behind it
 * (content-defined chunking), so that new names change only the pieces beside them.
 */
import type { Text } from '../../core/text.ts'
import type { Masker } from '../../detect/sensitive/mask.ts'

/** Characters. A shorter text stays whole. */
const minLength = 512
/** A piece ends behind one name in so many, and has so many names at the most. */
const namesOfPiece = 8
const maxNamesOfPiece = 16

/** Puts pieces in the place of the names, if nothing in them is masked: what is masked may lie in two pieces. */
export function namesApart(texts: readonly Text[], masker: Masker): readonly Text[] {
  const last = texts.at(-1)
  if (last?.channel !== 'definition' || last.tool !== undefined || last.text.length < minLength) return texts
  if (masker.mask(last.text) !== last.text) return texts
  return [
    ...texts.slice(0, -1),
    ...piecesOf(last.text).map((text): Text => ({ channel: 'definition', text })),
  ]
}

function piecesOf(text: string): string[] {
  const pieces: string[] = []
  let names: string[] = []
  for (const name of text.split('\n')) {
    names.push(name)
    if (names.length < maxNamesOfPiece && sumOf(name) % namesOfPiece > 0) continue
    pieces.push(names.join('\n'))
    names = []
  }
  if (names.length > 0) pieces.push(names.join('\n'))
  return pieces
}

function sumOf(name: string): number {
  let sum = 0
  for (let at = 0; at < name.length; at++) sum = (sum * 31 + name.charCodeAt(at)) & 0xffff
  return sum
}
