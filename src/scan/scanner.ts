/**
 * The prompt scanner: texts in, findings out. Knows what attacks say, not what they mean: an instruction that
 * carries no known wording passes, in every language and every disguise. Looks at a text as it came and as somebody
 * reads it who sees through its disguises, each of which must first be likely.
 */
import type { Channel, Finding } from '../core/text.ts'
import { encodingEdits } from './disguises/encodings.ts'
import { escapeEdits } from './disguises/escapes.ts'
import { firstTags, unseenEdits } from './disguises/invisible.ts'
import { latinised } from './disguises/look-alikes.ts'
import { markupEdits } from './disguises/markup.ts'
import { spacedEdits } from './disguises/spaced.ts'
import { sign, survey } from './disguises/survey.ts'
import { backToFront, shifted, uprighted } from './disguises/turned.ts'
import { createEngine, turn } from './engine.ts'
import { createEvidence, type Evidence } from './evidence.ts'
import { asItCame, type Reading, rewrite } from './reading.ts'
import type { Signature } from './signature.ts'

export interface Scanner {
  /** Findings in one text, in the order of their place, at most one per signature and place. Linear. */
  scan(text: string, channel: Channel): readonly Finding[]
  /** The same, stopping after every slice, so that a long text need not be read at one go. */
  scanSlowly(text: string, channel: Channel): Generator<undefined, readonly Finding[]>
}

/** UTF-16 code units that are read at one go, and how far the next ones reach back. */
const slice = 65_536
const overlap = 4096
/** Disguises within disguises. */
const deepest = 4
/** What further readings may hold together, in units, for each unit of the text and besides. */
const workPerUnit = 10
const workBesides = 32_768

const smuggled = { id: 'smuggling.tags', category: 'smuggling', severity: 'low' } as const

/** Signs of what is undone by edits. */
const undone =
  sign.unseen |
  sign.percent |
  sign.backslash |
  sign.ampersand |
  sign.angle |
  sign.plus |
  sign.stretch |
  sign.spaced |
  sign.run |
  sign.groups |
  sign.morse

export function createScanner(signatures: readonly Signature[]): Scanner {
  const engine = createEngine(signatures)

  const readSlice = (first: Reading, channel: Channel, evidence: Evidence) => {
    let work = workBesides + workPerUnit * first.text.length
    const look = (reading: Reading, seen: number) => engine.look(reading, seen, channel, evidence)
    const lookAgain = (reading: Reading | undefined) => {
      if (!reading || isTooMuch(reading)) return
      const { seen } = survey(reading.text)
      look(reading, seen)
      const corrected = engine.correct(reading)
      if (corrected) look(corrected, seen)
    }
    const isTooMuch = (reading: Reading): boolean => {
      work -= reading.text.length
      if (work < 0) evidence.overflow(reading.original({ start: 0, end: 1 }))
      return work < 0
    }
    const read = (reading: Reading, depth: number): void => {
      const { text } = reading
      const surveyed = survey(text)
      const { seen } = surveyed
      const turned = look(reading, seen)
      const corrected = engine.correct(reading)
      if (corrected) look(corrected, seen)
      if (seen & sign.lookAlike) lookAgain(latinised(reading))
      if (seen & sign.turned) lookAgain(uprighted(reading))
      if (turned & turn.shifted) lookAgain(shifted(reading))
      if (turned & turn.backToFront) for (const each of backToFront(reading)) lookAgain(each)
      if (depth === deepest || (seen & undone) === 0) return
      const lifted = [
        ...(seen & sign.unseen ? unseenEdits(text) : []),
        ...escapeEdits(text, seen),
        ...markupEdits(text, seen),
      ]
      const opened = [...spacedEdits(text, surveyed, engine.segment), ...encodingEdits(text, surveyed)]
      for (const edits of [lifted, opened]) {
        if (edits.length === 0) continue
        const next = rewrite(reading, edits)
        if (!isTooMuch(next)) read(next, depth + 1)
      }
    }
    read(first, 0)
  }

  function* scanSlowly(text: string, channel: Channel): Generator<undefined, readonly Finding[]> {
    if (text.length <= slice) return scanWhole(text, channel)
    const evidence = createEvidence()
    const whole = asItCame(text)
    tellTags(text, evidence)
    for (let from = 0; from + overlap < text.length; from += slice - overlap) {
      if (from > 0) yield
      readSlice(
        {
          text: whole.text.slice(from, from + slice),
          original: ({ start, end }) => ({ start: start + from, end: end + from }),
        },
        channel,
        evidence,
      )
    }
    return evidence.findings()
  }

  const scanWhole = (text: string, channel: Channel): readonly Finding[] => {
    const evidence = createEvidence()
    tellTags(text, evidence)
    readSlice(asItCame(text), channel, evidence)
    return evidence.findings()
  }

  return {
    scanSlowly,
    scan(text, channel) {
      if (text.length <= slice) return scanWhole(text, channel)
      const steps = scanSlowly(text, channel)
      for (;;) {
        const { done, value } = steps.next()
        if (done) return value
      }
    },
  }
}

/** Nobody writes in them who means well, but what they say may be harmless. */
function tellTags(text: string, evidence: Evidence): void {
  const tags = firstTags(text)
  if (tags) evidence.add(smuggled, tags)
}
