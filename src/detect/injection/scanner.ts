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
import { createEngine, type Engine, turn } from './engine.ts'
import { createEvidence, type Evidence, ofDecoded } from './evidence.ts'
import { type Disguise, observed, type ScanObserver, stretchesOf } from './readings.ts'
import type { Signature } from './signature.ts'
import { asItCame, type Edit, rewrite, type TextView } from './text-view.ts'

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

/**
 * Makes a scanner of signatures. Takes some 0.3 s the first time, before its code is compiled.
 * @param observer told what texts are read as; it changes nothing of what is found
 */
export function createScanner(signatures: readonly Signature[], observer?: ScanObserver): Scanner {
  const engine = createEngine(signatures)

  function* scanSlowly(text: string, channel: Channel): Generator<number, readonly Finding[]> {
    const evidence = observer ? observed(createEvidence(), observer) : createEvidence()
    tellTags(text, evidence)
    for (const view of slicesOf(text)) {
      observer?.slice()
      const scan = new SliceScan({ engine, channel, evidence, observer }, view.text.length)
      yield* scan.read(view, 0, evidence)
    }
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

function* slicesOf(text: string): Generator<TextView, void> {
  const whole = asItCame(text)
  if (text.length <= slice) yield whole
  else
    for (let from = 0; from + overlap < text.length; from += slice - overlap)
      yield {
        text: whole.text.slice(from, from + slice),
        original: ({ start, end }) => ({ start: start + from, end: end + from }),
      }
}

/** What all slices of one text share. */
interface Scan {
  readonly engine: Engine
  readonly channel: Channel
  readonly evidence: Evidence
  readonly observer: ScanObserver | undefined
}

/** Reads one slice as it came and through its disguises, within a bound on the work of all views together. */
class SliceScan {
  readonly #engine: Engine
  readonly #channel: Channel
  readonly #evidence: Evidence
  /** Where what was encoded is told. */
  readonly #decoded: Evidence
  readonly #observer: ScanObserver | undefined
  /** Units that further views may still hold. */
  #room: number

  constructor({ engine, channel, evidence, observer }: Scan, length: number) {
    this.#engine = engine
    this.#channel = channel
    this.#evidence = evidence
    this.#decoded = ofDecoded(evidence)
    this.#observer = observer
    this.#room = workBesides + workPerUnit * length
  }

  /** Reads a view, then what it becomes when its disguises are undone. Yields units of work. */
  *read(view: TextView, depth: number, found: Evidence): Generator<number, void> {
    const surveyed = prefilter(view.text, this.#engine.corrector.shapes)
    const { seen } = surveyed
    if (seen & sign.unseen) tellUnseen(view, this.#evidence)
    const turned = this.#look(view, seen, found)
    yield view.text.length
    yield* this.#correct(view, surveyed, found)
    if (seen & sign.lookAlike) yield* this.#lookAgain('lookAlike', latinised(view), found)
    if (seen & sign.turned) yield* this.#lookAgain('upsideDown', uprighted(view), this.#decoded)
    yield* this.#turn(view, turned)
    if (depth < deepest && (seen & undone) !== 0) yield* this.#undo(view, surveyed, depth, found)
  }

  *#turn(view: TextView, turned: number): Generator<number, void> {
    const decoded = this.#decoded
    if (turned & turn.shifted) yield* this.#lookAgain('rot13', shifted(view), decoded)
    if (turned & turn.backToFront)
      for (const each of backToFront(view)) yield* this.#lookAgain('backwards', each, decoded)
    if (turned & turn.pigLatin)
      yield* this.#lookAgain('pigLatin', fromPigLatin(view, this.#engine.vocabulary), decoded)
  }

  *#undo(view: TextView, surveyed: Survey, depth: number, found: Evidence): Generator<number, void> {
    const { text } = view
    const { seen } = surveyed
    const invisible = seen & sign.unseen ? unseenEdits(text) : []
    yield workPerEdit * invisible.length
    const escaping = escapeEdits(text, seen)
    const markup = markupEdits(text, seen)
    yield text.length
    const spacing = spacedEdits(text, surveyed, this.#engine.segment)
    yield text.length
    const encoding = encodingEdits(text, surveyed)
    yield text.length
    for (const groups of [
      { invisible, escaping, markup },
      { spacing, encoding },
    ]) {
      const edits = Object.values(groups).flat()
      if (edits.length === 0) continue
      const next = rewrite(view, edits)
      yield workPerEdit * edits.length
      if (this.#isTooMuch(next)) continue
      this.#tellUndone(view, next, groups)
      const isDecoded = groups.encoding !== undefined && encoding.length > 0
      yield* this.read(next, depth + 1, isDecoded ? this.#decoded : found)
    }
  }

  #tellUndone(before: TextView, view: TextView, groups: Partial<Record<Disguise, readonly Edit[]>>): void {
    if (!this.#observer) return
    const stretches = stretchesOf(before, groups)
    const disguises = [...new Set(stretches.map(({ disguise }) => disguise))]
    this.#observer.reading({ disguises, view, stretches })
  }

  #look(view: TextView, seen: number, found: Evidence): number {
    return this.#engine.look(view, seen, this.#channel, found)
  }

  *#correct(view: TextView, { seen, shaped }: Survey, found: Evidence): Generator<number, void> {
    const corrected = this.#engine.corrector.correct(view, shaped)
    if (!corrected) return
    this.#observer?.reading({ disguises: ['misspelling'], view: corrected, stretches: [] })
    this.#look(corrected, seen, found)
    yield corrected.text.length
  }

  *#lookAgain(disguise: Disguise, view: TextView | undefined, found: Evidence): Generator<number, void> {
    if (!view) return
    yield workOfTurning * view.text.length
    if (this.#isTooMuch(view)) return
    this.#observer?.reading({ disguises: [disguise], view, stretches: [] })
    const surveyed = prefilter(view.text, this.#engine.corrector.shapes)
    this.#look(view, surveyed.seen, found)
    yield view.text.length
    yield* this.#correct(view, surveyed, found)
  }

  #isTooMuch(view: TextView): boolean {
    this.#room -= view.text.length
    if (this.#room < 0) this.#evidence.overflow(view.original({ start: 0, end: 1 }))
    return this.#room < 0
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
