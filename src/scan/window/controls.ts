/**
 * What a terminal obeys and what nobody sees: escape sequences, control characters, bidirectional overrides, Unicode tags
 * and hidden variation selectors. Taken out, the text itself stays; within a word a visible mark stays in its place, or the
 * gate would put together a key or a tag that no guard has seen whole. Joiners and marks that scripts and emoji need
 * stay, unless many stand in a row, which is how bytes are hidden in them.
 */
import {
  begunSequence,
  controlUnits,
  isAllSeen,
  joinerUnits,
  longestSequence,
  sequence,
} from '../../core/bare.ts'
import type { Seeker, Sought } from './seeker.ts'

const invisible = new RegExp(
  String.raw`[${controlUnits}]+|[${joinerUnits}]{3,}|[\u{E0100}-\u{E01EF}]+|\u{1F3F4}[\u{E0030}-\u{E007A}]{1,8}\u{E007F}|[\u{E0000}-\u{E007F}]+`,
  'gu',
)
const sequences = new RegExp(sequence, 'g')
/** The flags of England, Scotland and Wales are written with tags. */
const flag = /^\u{1F3F4}/u
const unfinished = new RegExp(
  String.raw`(?:${begunSequence}|[${joinerUnits}]{1,64}|\ud83c(?:\udff4(?:\udb40[\udc30-\udc7a])*\udb40?)?|\udb40)$`,
)

/** All that can be unfinished. */
const longestTail = longestSequence + 16

/** Whatever touches is one: whether a mark stays must not depend on how the text comes in pieces. */
function runsIn(part: string) {
  const runs: { start: number; end: number; readonly type: string }[] = []
  if (isAllSeen(part)) return runs
  const all = [
    ...[...part.matchAll(sequences)].map((match) => ({ match, type: 'escape' })),
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

/** Where what may go on begins at the end. */
function openEnd(text: string): number {
  const tail = text.slice(-longestTail)
  return text.length - tail.length + (unfinished.exec(tail)?.index ?? tail.length)
}

export const controls: Seeker = {
  hold(text) {
    const tail = text.slice(-longestTail)
    const open = openEnd(tail)
    const run = runsIn(tail).find(({ start, end }) => start < open && end >= open)
    // What fills the whole tail goes, up to what is not complete.
    return text.length - tail.length + (run && run.start > 0 ? run.start : open)
  },
  find(text, from) {
    // Only a sequence can have begun before what is new.
    const before = Math.max(0, from - longestSequence)
    const part = text.slice(before)
    return runsIn(part).map(({ start, end: last, type }): Sought => {
      const isLong = last === part.length && last - start > longestSequence
      const end = isLong ? openEnd(part) : last
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
