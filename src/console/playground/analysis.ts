/**
 * Reads a text as the gate would: findings, what is masked, and what disguises hid. Runs in the worker; knows nothing of
 * pages, so that tests can compare it with the gate.
 */
import type { Channel, Span } from '../../core/text.ts'
import type { Reading } from '../../detect/injection/readings.ts'
import { createScanner } from '../../detect/injection/scanner.ts'
import { type PackData, type ScanSettings, signaturesUnder } from '../../detect/scan-settings.ts'
import { createMasker } from '../../detect/sensitive/mask.ts'
import { createFinder } from '../../detect/sensitive/personal.ts'
import { foundInDigits } from './digits-as-letters.ts'
import { type DisguiseName, nameOf } from './disguise-names.ts'
import type { Analysis, ShownReading } from './shown.ts'

/** Steps of an analysis: it stops after each, so that a newer text need not wait for an older one. */
export type AnalysisSteps = Generator<number, Analysis>

/** Reads texts. */
export interface Analyser {
  /** How many signatures are looked for. */
  readonly signatures: number
  analyse(text: string, channel: Channel): AnalysisSteps
}

const maxReadings = 24
const maxUndone = 12
const maxStretch = 400
const maxShown = 2400
/** Readings that are kept while a text is read; those that found nothing make room for those that did. */
const maxKept = 512

interface Kept {
  readonly reading: Reading
  readonly found: { readonly id: string; readonly place: Span }[]
}

/** Makes what reads texts under the settings. Takes about a third of a second. */
export function createAnalyser(shipped: PackData, settings: ScanSettings): Analyser {
  const signatures = signaturesUnder(shipped, settings)
  let kept: Kept[] = []
  let current: Kept | undefined
  const scanner = createScanner(signatures, {
    slice() {
      current = undefined
    },
    reading(reading) {
      current = { reading, found: [] }
      if (kept.length >= maxKept) kept = kept.filter(({ found }) => found.length > 0)
      if (kept.length < maxKept) kept.push(current)
    },
    found(id, place) {
      current?.found.push({ id, place })
    },
  })
  const finder = createFinder({ names: [], labelled: settings.labelledNames })
  return {
    signatures: signatures.length,
    *analyse(text, channel) {
      kept = []
      const findings = yield* scanner.scanSlowly(text, channel)
      const shown = [
        ...foundInDigits(text, findings, kept),
        ...kept.map((each) => shownReading(text, each)).filter(({ names }) => names.length > 0),
      ]
      const byUse = shown.toSorted((a, b) => Number(b.found.length > 0) - Number(a.found.length > 0))
      kept = []
      const spans = finder.find(text)
      return {
        findings,
        readings: byUse.slice(0, maxReadings),
        moreReadings: Math.max(0, shown.length - maxReadings),
        spans,
        masked: createMasker(() => spans).mask(text),
      }
    },
  }
}

function shownReading(text: string, { reading, found }: Kept): ShownReading {
  const { view, stretches, disguises } = reading
  const undone = stretches.slice(0, maxUndone).map((stretch) => ({
    start: stretch.start,
    end: stretch.end,
    name: nameOf(stretch, text.slice(stretch.start, stretch.end)),
    from: text.slice(stretch.start, Math.min(stretch.end, stretch.start + maxStretch)),
    to: stretch.text.slice(0, maxStretch),
  }))
  const names = undone.length > 0 ? undone.map(({ name }) => name) : disguises.map(plainName)
  const [first] = found
  const at = first && view.text.length > maxShown ? placeIn(reading, first.place) - maxShown / 2 : 0
  const start = Math.max(0, Math.min(at, view.text.length - maxShown))
  return {
    names: [...new Set(names)],
    text: view.text.slice(start, start + maxShown).replaceAll('\uffff', ' … '),
    isCut: view.text.length > maxShown,
    undone,
    more: stretches.length - undone.length,
    found: [...new Set(found.map(({ id }) => id))],
  }
}

function plainName(disguise: Reading['disguises'][number]): DisguiseName {
  return nameOf({ disguise }, '')
}

/** Where in a reading something of the original text stands, to within some letters. */
function placeIn({ view }: Reading, { start }: Span): number {
  const step = 32
  let best = 0
  let nearest = Number.POSITIVE_INFINITY
  for (let at = 0; at < view.text.length; at += step) {
    const distance = Math.abs(view.original({ start: at, end: at + 1 }).start - start)
    if (distance >= nearest) continue
    nearest = distance
    best = at
  }
  return best
}
