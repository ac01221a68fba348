/**
 * Text that was turned over: upside down, back to front (as a whole or word by word), shifted by thirteen letters.
 * What cannot be told from the characters is told by words that nobody writes otherwise: `snoitcurtsni`.
 */
import { replaced, reversed, type TextView } from '../injection/text-view.ts'

/** Turned letters that are no letters of their own in any living alphabet → what they are. */
const upsideDown: Readonly<Record<string, string>> = {
  ɐ: 'a',
  ɔ: 'c',
  ǝ: 'e',
  ɟ: 'f',
  ƃ: 'g',
  ɓ: 'g',
  ɥ: 'h',
  ᴉ: 'i',
  ı: 'i',
  ɾ: 'j',
  ſ: 'j',
  ʞ: 'k',
  ʃ: 'l',
  ɯ: 'm',
  ʇ: 't',
  ʌ: 'v',
  ʍ: 'w',
  ʎ: 'y',
  Ɐ: 'a',
  Ɔ: 'c',
  Ǝ: 'e',
  Ⅎ: 'f',
  '⅁': 'g',
  '˥': 'l',
  Ԁ: 'p',
  ɹ: 'r',
  '⊥': 't',
  '∩': 'u',
  Λ: 'v',
  '⅄': 'y',
}
/** Ordinary letters that are others when turned. */
const turnedOver: Readonly<Record<string, string>> = {
  u: 'n',
  n: 'u',
  b: 'q',
  q: 'b',
  d: 'p',
  p: 'd',
  '˙': '.',
  "'": ',',
  '¡': '!',
  '¿': '?',
}

/** Letters that are there only to be read upside down. */
export const turnedLetters: ReadonlySet<string> = new Set(
  Object.keys(upsideDown).filter((letter) => letter !== 'ı' && letter !== 'Λ'),
)

const anyTurned = /\S/g

/** Returns the view of a text that stands on its head. */
export function uprighted(before: TextView): TextView {
  const upright = before.text.replaceAll(
    anyTurned,
    (letter) => upsideDown[letter] ?? turnedOver[letter] ?? letter,
  )
  return reversed(replaced(before, upright))
}

const words = /[\p{L}\p{M}]+/gu

/** Returns the views of a text that is written backwards as a whole, and word by word. */
export function backToFront(before: TextView): readonly TextView[] {
  const wordByWord = before.text.replaceAll(words, (word) => [...word].reverse().join(''))
  return [reversed(before), replaced(before, wordByWord)]
}

/** Returns the view of a text whose letters are shifted by thirteen. */
export function shifted(before: TextView): TextView {
  return replaced(before, before.text.replaceAll(/[a-z]/gi, rot13))
}

/** Shifts a letter of ASCII by thirteen. */
export function rot13(letter: string): string {
  const code = letter.charCodeAt(0)
  const base = code < 0x61 ? 0x41 : 0x61
  return String.fromCharCode(base + ((code - base + 13) % 26))
}
