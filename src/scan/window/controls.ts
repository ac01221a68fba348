/**
 * What a terminal obeys and what nobody sees: escape sequences, control characters, bidirectional overrides, Unicode tags
 * and hidden variation selectors. Taken out, the text itself stays. Joiners and marks that scripts and emoji need stay,
 * unless many stand in a row, which is how bytes are hidden in them.
 */
import type { Seeker, Sought } from './seeker.ts'

/** A sequence that is longer is taken to end here. */
const longestString = 256
/** Escape, bell, and the controls of eight bits that begin and end sequences (ECMA-48). */
const esc = String.raw`\u001b`
const ends = String.raw`\u0007${esc}\u009c`
const begins = String.raw`(?:${esc}\[|\u009b)[0-?]{0,64}[ -/]{0,8}`
const text = String.raw`(?:${esc}[\]PX^_]|[\u009d\u0090\u0098\u009e\u009f])[^${ends}]{0,${longestString}}`
/** Joiners and variation selectors. */
const joiners = String.raw`[\u200b-\u200d\ufe00-\ufe0f\u034f\u180e]`
const singles = String.raw`\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u202a-\u202e\u2060-\u206f\ufeff\u115f\u1160\u3164\uffa0`

const sequence = new RegExp(
  String.raw`${begins}[@-~]?|${text}(?:\u0007|${esc}\\|\u009c)?|${esc}[ -/]{0,4}[0-~]?`,
  'g',
)
const invisible = new RegExp(
  String.raw`[${singles}]+|${joiners}{3,}|[\u{E0100}-\u{E01EF}]+|\u{1F3F4}[\u{E0030}-\u{E007A}]{1,8}\u{E007F}|[\u{E0000}-\u{E007F}]+`,
  'gu',
)
/** The flags of England, Scotland and Wales are written with tags. */
const flag = /^\u{1F3F4}/u
const odd = new RegExp(String.raw`[${singles}\u200b-\u200d\ufe00-\ufe0f\u034f\u180e\udb40]`)
const unfinished = new RegExp(
  String.raw`(?:${begins}|${text}${esc}?|${esc}[ -/]{0,4}|${joiners}{1,64}|\ud83c(?:\udff4(?:\udb40[\udc30-\udc7a])*\udb40?)?|\udb40)$`,
)

export const controls: Seeker = {
  hold(text) {
    const tail = text.slice(-longestString - 16)
    const match = unfinished.exec(tail)
    return match ? text.length - tail.length + match.index : text.length
  },
  find(text, from) {
    // Only a sequence can have begun before what is new.
    const start = Math.max(0, from - longestString)
    const part = text.slice(start)
    if (!odd.test(part)) return []
    const found: Sought[] = []
    for (const [type, pattern] of [
      ['escape', sequence],
      ['invisible', invisible],
    ] as const) {
      pattern.lastIndex = 0
      for (let match = pattern.exec(part); match; match = pattern.exec(part)) {
        if (flag.test(match[0])) continue
        found.push({
          start: start + match.index,
          end: start + match.index + match[0].length,
          guard: 'controls',
          type,
          put: '',
        })
      }
    }
    return found
  },
}
