/**
 * The canary: a marker that stands in the system prompt of one request and nowhere else, so that an answer which holds
 * it has told the system prompt. Seen in whatever case and with signs between its letters; not seen when it is encoded,
 * translated or told in parts.
 */
import type { Match, StreamDetector } from './stream-detector.ts'

/** Stands in front of every marker. */
export const markerLead = 'canary-'
/** Signs between two letters of a marker that somebody spells out. */
const between = '[\\s\\p{P}\\p{S}\\p{Cf}]{0,3}'

/** @param code what follows the lead: letters and digits, random */
export function createMarker(code: string): StreamDetector {
  const letters = [...code]
  const spelled = new RegExp(letters.join(between), 'giu')
  // Any beginning of four letters and more at the end of the text.
  const begun = new RegExp(
    `${letters.slice(0, 4).join(between)}${letters.slice(4).reduceRight((rest, letter) => `(?:${between}${letter}${rest})?`, '')}${between}$`,
    'iu',
  )
  const maxLength = code.length * 4
  return {
    hold(text) {
      const tail = text.slice(-maxLength - markerLead.length)
      const lead = tail.toLowerCase().lastIndexOf(markerLead)
      if (lead !== -1 && tail.length - lead < markerLead.length + 4) return text.length - tail.length + lead
      const match = begun.exec(tail)
      return match ? text.length - tail.length + match.index : text.length
    },
    find(text) {
      const found: Match[] = []
      for (const match of text.matchAll(spelled))
        found.push({
          start: match.index,
          end: match.index + match[0].length,
          guard: 'canary',
          type: 'marker',
          put: '[redacted]',
        })
      return found
    },
  }
}
