/**
 * Words torn apart by markup, comments, or the plus signs of a program; and long stretches of nothing. What stands in
 * comments and in hidden elements is text like any other and read anyhow.
 */
import type { Edit } from '../reading.ts'
import { sign } from './survey.ts'

const comment = /<!--[\s\S]{0,2000}?-->/g
/** Those that stand in a line of text and part no words. */
const inline =
  /(?<=\p{L})(?:<\/?(?:a|abbr|b|bdi|bdo|big|cite|code|em|font|i|ins|del|kbd|mark|q|s|small|span|strong|sub|sup|tt|u|var|wbr)(?:\s[^<>]{0,200})?\/?>){1,8}(?=\p{L})/giu
/** Elements whose names and attributes would be words between words. */
const element =
  /<\/?(?:a|abbr|article|aside|b|blockquote|br|center|code|dd|div|dl|dt|em|font|footer|h[1-6]|header|hr|i|img|li|main|mark|nav|ol|p|pre|section|small|span|strong|sub|sup|table|tbody|td|th|thead|tr|tt|u|ul)(?:\s[^<>]{0,400})?\/?>/gi
/** `"ig" + "nore"`, also with a line's end between or in the ways of Perl, SQL and Python. */
const joint = /["'`]\s{0,20}(?:\+|\|\||\.\.|&)\s{0,20}["'`]/g
const stretch = /[^\p{L}\p{N}\p{M}\uffff]{200,}/gu

/** @param seen what the survey saw */
export function markupEdits(text: string, seen: number): Edit[] {
  const edits: Edit[] = []
  const add = (pattern: RegExp, meaning: string) => {
    for (const match of text.matchAll(pattern))
      edits.push({ start: match.index, end: match.index + match[0].length, text: meaning })
  }
  if (seen & sign.angle) {
    if (text.includes('<!--')) add(comment, '')
    add(inline, '')
    add(element, ' ')
  }
  if (seen & (sign.plus | sign.ampersand) || text.includes('" .. "') || text.includes("' || '"))
    add(joint, '')
  if (seen & sign.stretch) add(stretch, ' ')
  return edits
}
