/**
 * Words torn apart by markup, comments, or the plus signs of a program; and long stretches of nothing. What stands in
 * comments and in hidden elements is text like any other and read anyhow.
 */
import type { Edit } from '../injection/text-view.ts'
import { sign } from './prefilter.ts'

/** Elements; their names and attributes would be words between words. */
const element =
  /<\/?(a|abbr|article|aside|b|bdi|bdo|big|blockquote|br|center|cite|code|dd|del|div|dl|dt|em|font|footer|h[1-6]|header|hr|i|img|ins|kbd|li|main|mark|nav|ol|p|pre|q|s|section|small|span|strong|sub|sup|table|tbody|td|th|thead|tr|tt|u|ul|var|wbr)(?:\s[^<>]{0,400})?\/?>/iy
/** Those that stand in a line of text and part no words. */
const inline = new Set(
  'a abbr b bdi bdo big cite code em font i ins del kbd mark q s small span strong sub sup tt u var wbr'.split(
    ' ',
  ),
)
const letter = /\p{L}/u
/** `"ig" + "nore"`, also with a line's end between or in the ways of Perl, SQL and Python. */
const joint = /["'`]\s{0,20}(?:\+|\|\||\.\.|&)\s{0,20}["'`]/g
/** Not what may speak unseen: `invisible.ts`. */
const stretch = /[^\p{L}\p{N}\p{M}\uffff\u200b-\u200d\u2060-\u2064\ufeff\u{e0020}-\u{e007f}]{200,}/gu

/** @param seen what the survey saw */
export function markupEdits(text: string, seen: number): Edit[] {
  const edits: Edit[] = []
  const add = (pattern: RegExp, meaning: string) => {
    for (const match of text.matchAll(pattern))
      edits.push({ start: match.index, end: match.index + match[0].length, text: meaning })
  }
  if (seen & sign.angle) {
    edits.push(...commentEdits(text))
    edits.push(...elementEdits(text))
  }
  if (seen & (sign.plus | sign.ampersand) || text.includes('" .. "') || text.includes("' || '"))
    add(joint, '')
  if (seen & sign.stretch) add(stretch, ' ')
  return edits
}

function elementEdits(text: string): Edit[] {
  const edits: Edit[] = []
  let joins = -1
  for (let start = text.indexOf('<'); start >= 0; start = text.indexOf('<', start + 1)) {
    element.lastIndex = start
    const match = element.exec(text)
    if (!match) continue
    const end = element.lastIndex
    const isJoint =
      inline.has((match[1] ?? '').toLowerCase()) &&
      (joins === start || letter.test(text.charAt(start - 1))) &&
      (text.charAt(end) === '<' || letter.test(text.charAt(end)))
    edits.push({ start, end, text: isJoint ? '' : ' ' })
    if (isJoint) joins = end
  }
  return edits
}

function commentEdits(text: string): Edit[] {
  const edits: Edit[] = []
  for (let start = text.indexOf('<!--'); start >= 0; ) {
    const close = text.indexOf('-->', start + 4)
    if (close < 0) break
    edits.push({ start, end: close + 3, text: '' })
    start = text.indexOf('<!--', close + 3)
  }
  return edits
}
