/**
 * The prompt scanner: texts in, findings out. Knows what attacks say, not what they mean: an instruction that
 * carries no known wording passes, in every language and every disguise. Looks at a text as it came and as somebody
 * reads it who sees through its disguises, each of which must first be likely.
 */
import type { Channel, Finding } from '../../core/text.ts'
import { encodingEdits } from '../deobfuscate/encodings.ts'
import { escapeEdits } from '../deobfuscate/escapes.ts'
import { firstTags, longUnseen, unseenEdits } from '../deobfuscate/invisible.ts'
import { latinised } from '../deobfuscate/look-alikes.ts'
import { markupEdits } from '../deobfuscate/markup.ts'
import { fromPigLatin } from '../deobfuscate/pig-latin.ts'
import { prefilter, type Survey, sign } from '../deobfuscate/prefilter.ts'
import { backToFront, shifted, uprighted } from '../deobfuscate/rot13-and-reversed.ts'
import { spacedEdits } from '../deobfuscate/spaced.ts'
import { createEngine, turn } from './engine.ts'
import { createEvidence, type Evidence, ofDecoded } from './evidence.ts'
import type { Signature } from './signature.ts'
import { asItCame, rewrite, type TextView } from './text-view.ts'

/** Finds signatures and acts in texts. */
export interface Scanner {
  /**
   * Findings in one text, in the order of their place, at most one per signature and place. Linear.
   * @param onWork told of the work it takes, as `scanSlowly` yields it
   */
  scan(text: string, channel: Channel, onWork?: (units: number) => void): readonly Finding[]
  /**
   * The same, stopping now and then, so that a long text need not be read at one go. Yields the work done since it last
   * stopped, in units of work: one is about what reading one UTF-16 code unit of plain text takes.
   */
  scanSlowly(text: string, channel: Channel): Generator<number, readonly Finding[]>
}

/** UTF-16 code units that are read at one go, and how far the next ones reach back. */
const slice = 32_768
const overlap = 4096
/** Disguises within disguises. */
const deepest = 4
/** What further readings may hold together, in units, for each unit of the text and besides. */
const workPerUnit = 10
const workBesides = 32_768

/** Units of work that one edit takes, and turning one unit of text over. */
const workPerEdit = 24
const workOfTurning = 3

const unseenText = { id: 'smuggling.unseen', category: 'smuggling', severity: 'high' } as const
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

/** Makes a scanner of signatures. Takes some 0.1 s. */
export function createScanner(signatures: readonly Signature[]): Scanner {
  const engine = createEngine(signatures)

  function* readSlice(first: TextView, channel: Channel, evidence: Evidence): Generator<number, void> {
    let room = workBesides + workPerUnit * first.text.length
    const decoded = ofDecoded(evidence)
    const look = (reading: TextView, seen: number, found: Evidence) =>
      engine.look(reading, seen, channel, found)
    function* correct(reading: TextView, { seen, shaped }: Survey, found: Evidence): Generator<number, void> {
      const corrected = engine.corrector.correct(reading, shaped)
      if (!corrected) return
      look(corrected, seen, found)
      yield corrected.text.length
    }
    function* lookAgain(reading: TextView | undefined, found: Evidence): Generator<number, void> {
      if (!reading) return
      yield workOfTurning * reading.text.length
      if (isTooMuch(reading)) return
      const surveyed = prefilter(reading.text, engine.corrector.shapes)
      look(reading, surveyed.seen, found)
      yield reading.text.length
      yield* correct(reading, surveyed, found)
    }
    const isTooMuch = (reading: TextView): boolean => {
      room -= reading.text.length
      if (room < 0) evidence.overflow(reading.original({ start: 0, end: 1 }))
      return room < 0
    }
    function* read(reading: TextView, depth: number, found: Evidence): Generator<number, void> {
      const { text } = reading
      const surveyed = prefilter(text, engine.corrector.shapes)
      const { seen } = surveyed
      if (seen & sign.unseen) tellUnseen(reading, evidence)
      const turned = look(reading, seen, found)
      yield text.length
      yield* correct(reading, surveyed, found)
      if (seen & sign.lookAlike) yield* lookAgain(latinised(reading), found)
      if (seen & sign.turned) yield* lookAgain(uprighted(reading), decoded)
      if (turned & turn.shifted) yield* lookAgain(shifted(reading), decoded)
      if (turned & turn.backToFront) for (const each of backToFront(reading)) yield* lookAgain(each, decoded)
      if (turned & turn.pigLatin) yield* lookAgain(fromPigLatin(reading, engine.vocabulary), decoded)
      if (depth === deepest || (seen & undone) === 0) return
      const unseen = seen & sign.unseen ? unseenEdits(text) : []
      yield workPerEdit * unseen.length
      const lifted = [...unseen, ...escapeEdits(text, seen), ...markupEdits(text, seen)]
      yield text.length
      const spaced = spacedEdits(text, surveyed, engine.segment)
      yield text.length
      const encoded = encodingEdits(text, surveyed)
      yield text.length
      for (const edits of [lifted, [...spaced, ...encoded]]) {
        if (edits.length === 0) continue
        const next = rewrite(reading, edits)
        yield workPerEdit * edits.length
        const isDecoded = edits !== lifted && encoded.length > 0
        if (!isTooMuch(next)) yield* read(next, depth + 1, isDecoded ? decoded : found)
      }
    }
    yield* read(first, 0, evidence)
  }

  function* scanSlowly(text: string, channel: Channel): Generator<number, readonly Finding[]> {
    const evidence = createEvidence()
    const whole = asItCame(text)
    tellTags(text, evidence)
    if (text.length <= slice) yield* readSlice(whole, channel, evidence)
    else
      for (let from = 0; from + overlap < text.length; from += slice - overlap)
        yield* readSlice(
          {
            text: whole.text.slice(from, from + slice),
            original: ({ start, end }) => ({ start: start + from, end: end + from }),
          },
          channel,
          evidence,
        )
    return evidence.findings()
  }

  return {
    scanSlowly,
    scan(text, channel, onWork) {
      const steps = scanSlowly(text, channel)
      for (;;) {
        const { done, value } = steps.next()
        if (done) return value
        onWork?.(value)
      }
    },
  }
}

/** Nobody writes in them who means well, but what they say may be harmless. */
function tellTags(text: string, evidence: Evidence): void {
  const tags = firstTags(text)
  if (tags) evidence.add(smuggled, tags)
}

function tellUnseen(reading: TextView, evidence: Evidence): void {
  const run = longUnseen(reading.text)
  if (run) evidence.add(unseenText, reading.original(run))
}
