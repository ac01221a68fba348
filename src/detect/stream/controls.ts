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
  maxSequenceLength,
  sequence,
} from '../../core/strip-invisible.ts'
import type { Match, StreamDetector } from './stream-detector.ts'

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
const maxTailLength = maxSequenceLength + 16

/** Whatever touches is one: whether a mark stays must not depend on how the text comes in pieces. */
function runsIn(part: string) {
  if (isAllSeen(part)) return []
  const all: Run[] = []
  collect(part, sequences, 'escape', all)
  // Most texts have none of one of the two, and then they are in order.
  const sorted = all.length === 0
  collect(part, invisible, 'invisible', all)
  if (!sorted) all.sort((a, b) => a.start - b.start)
  const runs: Run[] = []
  let last: Run | undefined
  for (const run of all)
    if (last && run.start <= last.end) last.end = Math.max(last.end, run.end)
    else {
      runs.push(run)
      last = run
    }
  return runs
}

interface Run {
  readonly start: number
  end: number
  readonly type: string
}

/** What of one kind touches is put down as one at once: there may be as many as the text has units. */
function collect(part: string, pattern: RegExp, type: string, all: Run[]): void {
  let last: Run | undefined
  pattern.lastIndex = 0
  for (let match = pattern.exec(part); match; match = pattern.exec(part)) {
    const { index } = match
    if (flag.test(match[0])) continue
    if (last?.end === index) last.end = pattern.lastIndex
    else {
      last = { start: index, end: pattern.lastIndex, type }
      all.push(last)
    }
  }
}

/** Where what may go on begins at the end. */
function openEnd(text: string): number {
  const tail = text.slice(-maxTailLength)
  return text.length - tail.length + (unfinished.exec(tail)?.index ?? tail.length)
}

/** Finds control characters, escape sequences and what nobody sees. */
export const controls: StreamDetector = {
  hold(text) {
    const tail = text.slice(-maxTailLength)
    const open = openEnd(tail)
    const run = runsIn(tail).find(({ start, end }) => start < open && end >= open)
    // What fills the whole tail goes, up to what is not complete.
    return text.length - tail.length + (run && run.start > 0 ? run.start : open)
  },
  find(text, from) {
    // Only a sequence can have begun before what is new.
    const before = Math.max(0, from - maxSequenceLength)
    const part = text.slice(before)
    return runsIn(part).map(({ start, end: last, type }): Match => {
      const isLong = last === part.length && last - start > maxSequenceLength
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
