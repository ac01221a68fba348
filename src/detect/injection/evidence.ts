/**
 * What was found in one text, once for each signature and place, whichever reading it was found in; by place in the
 * text as it came.
 */
import type { Finding, Span } from '../../core/text.ts'
import type { Signature } from './signature.ts'

/** What was found, wherever that is. */
type Kind = Pick<Signature, 'id' | 'category' | 'severity'> & Pick<Finding, 'parts'>

/** Collects what is found in one text. */
export interface Evidence {
  /**
   * @param isMentioned asked of what is kept
   * @returns whether nothing of the kind was known there
   */
  add(signature: Kind, place: Span, isMentioned?: () => boolean): boolean
  /** Something could not be read or kept: that is a finding too, and a heavy one. */
  overflow(place: Span): void
  /** In the order of their place. */
  findings(): readonly Finding[]
}

/**
 * More findings than these are not kept. That there were more is told instead: light ones must not use up the room of
 * what follows them.
 */
const maxFindings = 256
const overflowing = { id: 'scan.overflow', category: 'overflow', severity: 'high' } as const
/** Of one signature; readings of one place come close behind each other. */
const recent = 16
const none: readonly Finding[] = []

/** Makes the collection for one text. */
export function createEvidence(): Evidence {
  let count = 0
  let overflown: Finding | undefined
  let bySignature: Map<string, Finding[]> | undefined
  return {
    add({ id, category, severity, parts }, { start, end }, isMentioned) {
      bySignature ??= new Map()
      const known = bySignature.get(id) ?? []
      for (let at = known.length - 1; at >= 0 && at >= known.length - recent; at--) {
        const before = known[at] as Finding
        if (start >= before.end || end <= before.start) continue
        const { mentioned: _, ...made } = before
        // One who says it in earnest counts, whichever reading shows it.
        const same = before.mentioned && isMentioned?.() !== true ? made : before
        // Two wordings that overlap are one finding; the wider one tells more.
        known[at] =
          end - start > before.end - before.start ? { ...same, start, end, ...(parts && { parts }) } : same
        return false
      }
      if (count >= maxFindings) {
        overflown ??= { ...overflowing, start, end }
        return true
      }
      count++
      const mentioned = isMentioned?.() ? { mentioned: true as const } : {}
      known.push({ id, category, severity, start, end, ...(parts && { parts }), ...mentioned })
      if (known.length === 1) bySignature.set(id, known)
      return true
    },
    overflow(place) {
      overflown ??= { ...overflowing, ...place }
    },
    findings() {
      if (count === 0 && !overflown) return none
      const all = bySignature ? [...bySignature.values()].flat() : []
      if (overflown) all.push(overflown)
      return all.sort((a, b) => a.start - b.start || b.end - a.end)
    },
  }
}

const encoded = { id: 'smuggling.encoded', category: 'smuggling', severity: 'low' } as const

/** Evidence of a text that was decoded: what is seen only there was hidden, which is told besides, and is no mention. */
export function ofDecoded(evidence: Evidence): Evidence {
  return {
    ...evidence,
    add(signature, place) {
      const isNew = evidence.add(signature, place)
      if (isNew) evidence.add(encoded, place)
      return isNew
    },
  }
}
