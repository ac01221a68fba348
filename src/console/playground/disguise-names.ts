/** Names of disguises, finer than the step that undoes them: told by what the original text looks like. */
import type { Disguise, UndoneStretch } from '../../detect/injection/readings.ts'

/** Every name that the page can show. */
export const disguiseNames = [
  'tags',
  'selectors',
  'zeroWidth',
  'styledLetters',
  'percent',
  'entities',
  'backslashes',
  'comment',
  'elements',
  'joinedStrings',
  'spacedLetters',
  'gluedWords',
  'base64',
  'base32',
  'hex',
  'binary',
  'decimal',
  'morse',
  'misspelling',
  'lookAlike',
  'upsideDown',
  'rot13',
  'backwards',
  'pigLatin',
  'digitsAsLetters',
] as const

/** The name of a disguise. */
export type DisguiseName = (typeof disguiseNames)[number]

type Rule = readonly [pattern: RegExp, name: DisguiseName]

/** Of each step, the first rule that matches the original names the disguise. */
const rules: Readonly<Record<Disguise, readonly Rule[]>> = {
  invisible: [
    [/[\u{e0020}-\u{e007f}]/u, 'tags'],
    [/[\ufe00-\ufe0f\u{e0100}-\u{e01ef}]{2}/u, 'selectors'],
    [/^[\p{Default_Ignorable_Code_Point}\p{Script=Inherited}]+$/u, 'zeroWidth'],
    [/^/, 'styledLetters'],
  ],
  escaping: [
    [/^%/, 'percent'],
    [/^&/, 'entities'],
    [/^/, 'backslashes'],
  ],
  markup: [
    [/^<!--/, 'comment'],
    [/^</, 'elements'],
    [/^/, 'joinedStrings'],
  ],
  spacing: [
    [/^[A-Za-z]+$/, 'gluedWords'],
    [/^/, 'spacedLetters'],
  ],
  encoding: [
    [/^[01\s,]+$/, 'binary'],
    [/^(?:(?:0x)?[0-9a-f]{2}[\s:,-]*)+$/i, 'hex'],
    [/^[\d\s,;]+$/, 'decimal'],
    [/^[.•·\-–—_ /|\n]+$/, 'morse'],
    [/^[A-Z2-7\s]+=*$/, 'base32'],
    [/^/, 'base64'],
  ],
  misspelling: [[/^/, 'misspelling']],
  lookAlike: [[/^/, 'lookAlike']],
  upsideDown: [[/^/, 'upsideDown']],
  rot13: [[/^/, 'rot13']],
  backwards: [[/^/, 'backwards']],
  pigLatin: [[/^/, 'pigLatin']],
}

/** @param original what stands in the text as it came */
export function nameOf({ disguise }: Pick<UndoneStretch, 'disguise'>, original: string): DisguiseName {
  // Of a long run its beginning tells.
  const start = original.slice(0, 4096)
  const [, name] = rules[disguise].find(([pattern]) => pattern.test(start)) ?? []
  return name ?? 'misspelling'
}
