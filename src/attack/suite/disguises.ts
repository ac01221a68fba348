/** Disguises of a text, as attackers use them to get past scanners. */

const each = (text: string, change: (letter: string) => string) => Array.from(text, change).join('')
const swap = (from: string, to: string) => {
  const replacements = Array.from(to)
  const table = new Map(Array.from(from, (letter, at) => [letter, replacements[at] ?? letter]))
  return (text: string) => each(text, (letter) => table.get(letter) ?? letter)
}
const hex = (code: number, digits: number) => code.toString(16).padStart(digits, '0')
const base64 = (text: string) => Buffer.from(text).toString('base64')
const codeOf = (letter: string) => letter.codePointAt(0) ?? 0

const table = {
  plain: (text: string) => text,
  capitals: (text: string) => text.toUpperCase(),
  'cyrillic-homoglyphs': swap('aeopcyxisAEIO', 'аеорсухіѕАЕІО'),
  'greek-homoglyphs': swap('oviapu', 'ονιαρυ'),
  'full-width': (text: string) =>
    each(text, (letter) => (/[!-~]/.test(letter) ? String.fromCodePoint(codeOf(letter) + 0xfee0) : letter)),
  'zero-width': (text: string) => text.split('').join('\u200b'),
  'soft-hyphens': (text: string) => text.replaceAll(/(\w\w)(\w)/g, '$1\u00ad$2'),
  'tag-characters': (text: string) =>
    `Lovely weather. ${each(text, (letter) => String.fromCodePoint(0xe0000 + codeOf(letter)))}`,
  'bidi-controls': (text: string) => `\u202e${text.replaceAll(/(\w)(\w)/g, '$1\u2066$2')}\u202c`,
  'combining-marks': (text: string) => text.replaceAll(/(\w)/g, '$1\u0336'),
  leetspeak: swap('aeiostAIS', '431057415'),
  reversed: (text: string) => Array.from(text).reverse().join(''),
  rot13: (text: string) =>
    text.replaceAll(/[a-z]/gi, (letter) => {
      const base = letter < 'a' ? 65 : 97
      return String.fromCodePoint(base + ((codeOf(letter) - base + 13) % 26))
    }),
  base64,
  'base64-twice': (text: string) => base64(base64(text)),
  hex: (text: string) => Buffer.from(text).toString('hex'),
  binary: (text: string) =>
    Array.from(Buffer.from(text), (byte) => byte.toString(2).padStart(8, '0')).join(' '),
  'url-escapes': (text: string) => Array.from(Buffer.from(text), (byte) => `%${hex(byte, 2)}`).join(''),
  'json-escapes': (text: string) => each(text, (letter) => `\\u${hex(codeOf(letter), 4)}`),
  'html-entities': (text: string) => each(text, (letter) => `&#${codeOf(letter)};`),
  'html-comment': (text: string) => `<p>Welcome</p><!-- ${text} -->`,
  'hidden-by-style': (text: string) => `<div style="display:none">${text}</div>`,
  'tags-in-words': (text: string) => text.replaceAll(/(\w{3})(\w)/g, '$1<b></b>$2'),
  'letters-apart': (text: string) =>
    text
      .split(' ')
      .map((word) => word.split('').join(' '))
      .join('   '),
  dotted: (text: string) =>
    text
      .split(' ')
      .map((word) => word.split('').join('.'))
      .join(' '),
  'camel-case': (text: string) => text.replaceAll(/ (\w)/g, (_all, letter: string) => letter.toUpperCase()),
  'added-strings': (text: string) =>
    `print(${(text.match(/.{1,4}/g) ?? []).map((piece) => `"${piece}"`).join(' + ')})`,
} as const satisfies Record<string, (text: string) => string>

/** A disguise by its name. */
export type Disguise = keyof typeof table

/** The names of all disguises. */
export const disguiseNames = Object.keys(table) as readonly Disguise[]

/** Returns what a text looks like in a disguise. */
export function disguised(text: string, disguise: Disguise): string {
  return table[disguise](text)
}
