/**
 * What a terminal obeys and what nobody sees: escape sequences, control characters, bidirectional overrides, Unicode tags
 * and hidden variation selectors. Taken out, the text itself stays; within a word a visible mark stays in its place, or the
 * gate would put together a key or a tag that no guard has seen whole. Joiners and marks that scripts and emoji need
 * stay, unless many stand in a row, which is how bytes are hidden in them.
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

/** Whatever touches is one: whether a mark stays must not depend on how the text comes in pieces. */
function runsIn(part: string) {
  const runs: { start: number; end: number; readonly type: string }[] = []
  if (!odd.test(part)) return runs
  const all = [
    ...[...part.matchAll(sequence)].map((match) => ({ match, type: 'escape' })),
    ...[...part.matchAll(invisible)].map((match) => ({ match, type: 'invisible' })),
  ].filter(({ match }) => !flag.test(match[0]))
  all.sort((a, b) => a.match.index - b.match.index)
  for (const { match, type } of all) {
    const start = match.index
    const end = start + match[0].length
    const last = runs.at(-1)
    if (last && start <= last.end) last.end = Math.max(last.end, end)
    else runs.push({ start, end, type })
  }
  return runs
}

export const controls: Seeker = {
  hold(text) {
    const tail = text.slice(-longestString - 16)
    const match = unfinished.exec(tail)
    const hold = match ? match.index : tail.length
    const run = runsIn(tail).find(({ start, end }) => start < hold && end >= hold)
    return text.length - tail.length + (run ? run.start : hold)
  },
  find(text, from) {
    // Only a sequence can have begun before what is new.
    const before = Math.max(0, from - longestString)
    const part = text.slice(before)
    return runsIn(part).map(({ start, end, type }): Sought => {
      const isWithin = /\S/.test(part.charAt(start - 1)) && /\S/.test(part.charAt(end))
      return {
        start: before + start,
        end: before + end,
        guard: 'controls',
        type,
        put: isWithin ? '\ufffd' : '',
      }
    })
  },
}
