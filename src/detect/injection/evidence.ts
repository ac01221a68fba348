/**
 * What was found in one text, once for each signature and place, whichever reading it was found in; by place in the
 * text as it came.
 */
import type { Finding, Span } from '../../core/text.ts'
import type { Signature } from './signature.ts'

export interface Evidence {
  add(signature: Pick<Signature, 'id' | 'category' | 'severity'>, place: Span): void
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

export function createEvidence(): Evidence {
  let count = 0
  let overflown: Finding | undefined
  let bySignature: Map<string, Finding[]> | undefined
  return {
    add({ id, category, severity }, { start, end }) {
      bySignature ??= new Map()
      const known = bySignature.get(id) ?? []
      for (let at = known.length - 1; at >= 0 && at >= known.length - recent; at--) {
        const before = known[at] as Finding
        if (start >= before.end || end <= before.start) continue
        // Two wordings that overlap are one finding; the wider one tells more.
        if (end - start > before.end - before.start) known[at] = { ...before, start, end }
        return
      }
      if (count >= maxFindings) {
        overflown ??= { ...overflowing, start, end }
        return
      }
      count++
      known.push({ id, category, severity, start, end })
      if (known.length === 1) bySignature.set(id, known)
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
