/**
 * All that one policy looks for in answers, together, and the question that most pieces are done with: is there anything
 * to it at all?
 */
import { controls } from './controls.ts'
import { createLinks } from './links.ts'
import { createMarker } from './marker.ts'
import type { Seeker, Seekers } from './seeker.ts'
import { createSensitive, type Sensitive } from './sensitive.ts'

export interface Wanted {
  readonly secrets: boolean
  readonly pii: boolean
  readonly controls: boolean
  /** The hosts that links may point to; undefined: nobody looks at links. */
  readonly links: readonly string[] | undefined
}

/** Before a piece, in which a literal may have begun. */
const longestTrigger = 24

/** Letters of all scripts, blanks, and the signs of prose. Whatever else there is may be the beginning of something. */
const calmUnits = Uint8Array.from({ length: 0x10000 }, (_, unit) => {
  if (unit < 0x80) return /[A-Za-z \t\n\r!"'()*,.:;?`-]/.test(String.fromCharCode(unit)) ? 1 : 0
  const calm = /[\p{L}\p{Nd}\p{Nl}\p{Pd}\p{Ps}\p{Pe}\p{Pi}\p{Pf}\p{Po}\p{Sc}\p{Sm}\p{So}]/u.test(
    String.fromCharCode(unit),
  )
  return calm && !/\p{Default_Ignorable_Code_Point}/u.test(String.fromCharCode(unit)) ? 1 : 0
})

/** Made once for a policy: what is looked for is the same in all answers, but for a marker. */
export function createSeekers(wanted: Wanted): (marker?: string) => Seekers {
  const sensitive = wanted.secrets || wanted.pii ? createSensitive(wanted) : undefined
  const all: Seeker[] = []
  if (sensitive) all.push(sensitive)
  if (wanted.links) all.push(createLinks(wanted.links))
  if (wanted.controls) all.push(controls)
  const usual = together(all, sensitive, wanted.pii)
  return (marker) =>
    marker === undefined ? usual : together([...all, createMarker(marker)], sensitive, true)
}

/** @param restless every word may be the beginning of something */
function together(all: readonly Seeker[], sensitive: Sensitive | undefined, restless: boolean): Seekers {
  const wakes = (text: string) => sensitive?.wakes(text) ?? false
  return {
    all,
    wakes,
    isCalm(before, piece) {
      if (all.length === 0) return true
      if (restless) return false
      for (let at = 0; at < piece.length; at++) if (calmUnits[piece.charCodeAt(at)] === 0) return false
      if (!sensitive) return true
      const text = before.slice(-longestTrigger) + piece
      return !sensitive.wakes(text) && !sensitive.endsInLiteral(text)
    },
  }
}
