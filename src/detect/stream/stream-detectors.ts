/**
 * All that one policy looks for in answers, together, and the question that most pieces are done with: is there anything
 * to it at all?
 */
import { unitCount, unitSet } from '../../core/code-units.ts'
import { controls } from './controls.ts'
import { createLinks } from './links.ts'
import { createLiterals } from './literals.ts'
import { createMarker } from './marker.ts'
import { SensitiveDetector, type WantedData } from './sensitive.ts'
import { maxTriggerLength, type StreamDetector, type StreamDetectors } from './stream-detector.ts'

/** What a policy wants found in responses. */
export interface Wanted extends WantedData {
  readonly controls: boolean
  /** The hosts that links may point to; undefined: nobody looks at links. */
  readonly links: readonly string[] | undefined
}

/** Letters of all scripts, blanks, and the signs of prose. Whatever else there is may be the beginning of something. */
const calmUnits = unitSet(
  /[A-Za-z \t\n\r!"'()*,.:;?`-]|(?![\0-\x7f\p{Default_Ignorable_Code_Point}])[\p{L}\p{Nd}\p{Nl}\p{Pd}\p{Ps}\p{Pe}\p{Pi}\p{Pf}\p{Po}\p{Sc}\p{Sm}\p{So}]/u,
)

/** Made once for a policy: what is looked for is the same in all answers, but for a marker. */
export function createStreamDetectors(wanted: Wanted): (marker?: string) => StreamDetectors {
  const sensitive = wanted.secrets || wanted.pii ? new SensitiveDetector(wanted) : undefined
  const all: StreamDetector[] = []
  if (sensitive) all.push(sensitive)
  if (wanted.links) all.push(createLinks(wanted.links))
  const wakes = (text: string) => sensitive?.wakes(text) ?? false
  const unseen = wanted.controls ? controls : undefined
  const usual = { all, unseen, wakes, ...(wanted.pii ? restless : calm(all, unseen, sensitive)) }
  return (marker) =>
    marker === undefined ? usual : { all: [...all, createMarker(marker)], unseen, wakes, ...restless }
}

type Pass = Pick<StreamDetectors, 'begin' | 'pass'>

/** Every word may be the beginning of something. */
const restless: Pass = { begin: () => 0, pass: () => -1 }

/** Only some literals may; which ones, is made once, and not for an answer. */
function calm(
  all: readonly StreamDetector[],
  unseen: StreamDetector | undefined,
  sensitive: SensitiveDetector | undefined,
): Pass {
  const { opening = [], others = [] } = sensitive ?? {}
  const isNothingWanted = all.length === 0 && unseen === undefined
  const units = isNothingWanted ? new Uint8Array(unitCount).fill(1) : calmUnits
  const literals = createLiterals(opening, others, units)
  return {
    begin: (before) => literals.behind(before.slice(-maxTriggerLength)),
    pass(state, piece) {
      const behind = literals.step(state, piece)
      return behind !== -1 && literals.hasBegun(behind) ? -1 : behind
    },
  }
}
