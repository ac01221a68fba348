/**
 * The little language in which signatures say what an attack says:
 *
 *     {ignore} ..3 {previous} ..2 (instructions|rules)
 *     "<|im_start|>" ..1 system
 *
 * A step is a word, a class of words in braces, alternatives of all these in parentheses, or a quoted literal, which
 * needs no word boundaries. `*` behind a word takes any ending. Between steps stand separators only, or up to N other
 * words after `..N`. There is nothing in it that could run longer than the text is long.
 */

import { foldText } from './units.ts'

/** One way of writing a step. */
export interface Literal {
  readonly text: string
  /** The character before must not belong to the same word. */
  readonly opens: boolean
  /** Nor the one behind. */
  readonly closes: boolean
}

/** What must stand next, in one of several ways. */
export interface Step {
  readonly literals: readonly Literal[]
  /** How many other words may stand before this step. */
  readonly gap: number
}

/** Lists of words by the names that phrases use for them. */
export type WordClasses = Readonly<Record<string, readonly string[]>>

const token = /\s*(?:\.\.(\d{1,2})|"([^"]+)"|\{([\w-]+)\}|\(((?:"[^"]+"|[^()"])+)\)|([^\s"{}()]+))/y
const eachAlternative = /(?:"[^"]+"|[^|"])+/g
const maxGap = 20

/** @throws SyntaxError saying what is wrong */
export function parsePhrase(phrase: string, classes: WordClasses): readonly Step[] {
  const steps: Step[] = []
  let gap = 0
  const step = (literals: readonly Literal[]) => {
    steps.push({ literals, gap })
    gap = 0
  }
  token.lastIndex = 0
  const text = phrase.trim()
  while (token.lastIndex < text.length) {
    const at = token.lastIndex
    const match = token.exec(text)
    if (!match) throw new SyntaxError(`cannot be read at "${text.slice(at, at + 12)}"`)
    const [, words, quoted, name, alternatives, word] = match
    if (words !== undefined) {
      gap = Number(words)
      if (gap > maxGap) throw new SyntaxError(`a gap of more than ${maxGap} words`)
    } else if (quoted !== undefined) step([rawLiteral(quoted)])
    else if (name !== undefined) step(members(name, classes))
    else if (alternatives !== undefined)
      step((alternatives.match(eachAlternative) ?? []).flatMap((text) => alternative(text.trim(), classes)))
    else if (word !== undefined) step([wordLiteral(word)])
  }
  if (steps.length === 0) throw new SyntaxError('is empty')
  if (gap > 0) throw new SyntaxError('ends with a gap')
  return steps
}

function alternative(text: string, classes: WordClasses): readonly Literal[] {
  const [, quoted, name] = /^(?:"([^"]+)"|\{([\w-]+)\})$/.exec(text) ?? []
  if (name !== undefined) return members(name, classes)
  return [quoted === undefined ? wordLiteral(text) : rawLiteral(quoted)]
}

function members(name: string, classes: WordClasses): readonly Literal[] {
  const words = Object.hasOwn(classes, name) ? classes[name] : undefined
  if (!words) throw new SyntaxError(`there is no class {${name}}`)
  return words.map(wordLiteral)
}

function rawLiteral(text: string): Literal {
  return { text: foldText(text), opens: false, closes: false }
}

// Scripts that write without spaces have no word boundaries to ask for.
const unspaced = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Thai}]/u

function wordLiteral(word: string): Literal {
  const open = word.endsWith('*')
  const text = foldText(open ? word.slice(0, -1) : word)
  if (text === '' || text.includes('*')) throw new SyntaxError(`"${word}" is no word`)
  const boundless = unspaced.test(text)
  return { text, opens: !boundless, closes: !boundless && !open }
}
