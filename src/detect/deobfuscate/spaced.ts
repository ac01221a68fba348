/**
 * Letters kept apart (`i g n o r e`, `i.g.n.o.r.e`, `i-g-n-o-r-e`), and words kept together (`ignoreallrules`): both
 * are read as the words of a vocabulary.
 */
import { createAutomaton } from '../injection/automaton.ts'
import type { Edit } from '../injection/text-view.ts'
import { folded } from '../injection/units.ts'
import { type Survey, sign } from './prefilter.ts'

/** The words of a text without blanks, with blanks; what is no word stays in one piece. Linear. */
export type Segmenter = (letters: string) => string

const apart =
  /(?<![\p{L}\p{N}])[\p{L}\p{N}@$!|](?:[\s.\-_*/|,~·•+:;]{1,3}[\p{L}\p{N}@$!|](?![\p{L}\p{N}])){3,}/gu
const widerGap = /[\s.\-_*/|,~·•+:;]+/g
const together = /^[A-Za-z]{16,4000}$/
/** What a word of attacks without blanks would hold; most long words hold none of it. */
const telling =
  /ignor|disreg|forget|reveal|prompt|instruct|restrict|filter|bypass|overrid|jailb|system|rules|guidel|anything|password|repeat|secret|supersed|directiv|conversation|command|unethic|amoral/i
const humps = /(?<=[a-z])(?=[A-Z])/g

/** Returns edits that join letters kept apart, and part words kept together. */
export function spacedEdits(text: string, { seen, runs }: Survey, segment: Segmenter): Edit[] {
  const edits: Edit[] = []
  if (seen & sign.spaced)
    for (const { 0: found, index: start } of text.matchAll(apart))
      edits.push({ start, end: start + found.length, text: joined(found, segment) })
  for (let at = 0; at < runs.length; at += 2) {
    const start = runs[at] ?? 0
    const found = text.slice(start, runs[at + 1])
    if (!together.test(found) || !telling.test(found)) continue
    const words = humps.test(found) ? found.replaceAll(humps, ' ') : segment(found.toLowerCase())
    humps.lastIndex = 0
    if (words !== found) edits.push({ start, end: start + found.length, text: words })
  }
  return edits
}

/** The gap that stands most often is the one between letters; a wider or another one is between words. */
function joined(found: string, segment: Segmenter): string {
  const counts = new Map<string, number>()
  for (const [gap] of found.matchAll(widerGap)) counts.set(gap, (counts.get(gap) ?? 0) + 1)
  const [usual = ''] = [...counts].reduce((max, each) => (each[1] > max[1] ? each : max), ['', 0] as const)
  const words = found.replaceAll(widerGap, (gap) => (gap === usual ? '' : ' '))
  return words
    .split(' ')
    .map((word) => (word.length > 3 ? segment(word) : word))
    .join(' ')
}

/** Makes a segmenter of words in small letters. */
export function createSegmenter(vocabulary: Iterable<string>): Segmenter {
  const all = new Set(vocabulary)
  // What two others make up (`systemprompt`) would hide them.
  const words = [...all].filter((word) => word.length < longCompound || !isTwo(word, all))
  const automaton = createAutomaton(
    words.map((text) => ({ text, opens: false })),
    () => true,
    folded,
  )
  return (letters) => {
    // Long words weigh more than the short ones they are made of.
    const best = new Float64Array(letters.length + 1)
    const from = Int32Array.from({ length: letters.length + 1 }, (_, at) => at - 1)
    let reached = 0
    const settle = (to: number) => {
      for (; reached < to; reached++) {
        const skipped = best[reached] ?? 0
        if ((best[reached + 1] ?? 0) <= skipped) {
          best[reached + 1] = skipped
          from[reached + 1] = reached
        }
      }
    }
    automaton.run(letters, (word, end) => {
      settle(end - 1)
      const length = words[word]?.length ?? 0
      const weight = (best[end - length] ?? 0) + length * length
      if (weight > (best[end] ?? 0)) {
        best[end] = weight
        from[end] = end - length
      }
    })
    settle(letters.length)
    const pieces: string[] = []
    let loose = ''
    for (let at = letters.length; at > 0; ) {
      const start = from[at] ?? 0
      if (at - start === 1) loose = letters.slice(start, at) + loose
      else {
        if (loose !== '') pieces.push(loose)
        loose = ''
        pieces.push(letters.slice(start, at))
      }
      at = start
    }
    if (loose !== '') pieces.push(loose)
    return pieces.reverse().join(' ')
  }
}

const longCompound = 10

function isTwo(word: string, words: ReadonlySet<string>): boolean {
  for (let at = 3; at <= word.length - 3; at++)
    if (words.has(word.slice(0, at)) && words.has(word.slice(at))) return true
  return false
}
