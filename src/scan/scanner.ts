/**
 * The prompt scanner: texts in, findings out. Knows what attacks say, not what they mean: an instruction that
 * carries no known wording passes, in every language and every disguise.
 */
import type { Channel, Finding } from '../core/text.ts'
import { createMatcher } from './matcher.ts'
import { normalForm } from './normal-form.ts'
import type { Signature } from './signature.ts'

export interface Scanner {
  /** Findings in one text, in the order of their place, at most one per signature and place. Linear. */
  scan(text: string, channel: Channel): readonly Finding[]
}

/** What these families say is harmless where it is forbidden: "never reveal", "do not ignore". */
const imperative = new Set(['override', 'theft'])
/** Directly before the words, with nothing but blanks between; "why not ignore" is no prohibition. */
const forbidden =
  /(?:\b(?:do|must|should|shall|may|can|will|to) not|\bnever|\bcannot|\b(?:do|must|should|ca|wo)n't)\s+$/
const longestProhibition = 16

/**
 * More findings than these are not kept. That there were more is a finding too, and a heavy one: light ones must
 * not use up the room of what follows them.
 */
const maxFindings = 256
const overflow = { id: 'scan.overflow', category: 'overflow', severity: 'high' } as const
const none: readonly Finding[] = []

export function createScanner(signatures: readonly Signature[]): Scanner {
  const phrases = signatures.flatMap((signature) => signature.phrases.map((steps) => ({ signature, steps })))
  const matcher = createMatcher(phrases.map(({ steps }) => steps))

  return {
    scan(text, channel) {
      const form = normalForm(text)
      let found: Map<string, Finding> | undefined
      matcher.run(form.text, (phrase, place) => {
        const signature = phrases[phrase]?.signature
        if (!signature?.channels.has(channel)) return
        if (
          imperative.has(signature.category) &&
          forbidden.test(form.text.slice(Math.max(0, place.start - longestProhibition), place.start))
        )
          return
        if (found && found.size >= maxFindings) {
          if (!found.has(overflow.id)) found.set(overflow.id, { ...overflow, ...place })
          return
        }
        const { id, category, severity } = signature
        // Two wordings of one signature that end together are one finding; the wider one tells more.
        const key = `${id} ${place.end}`
        found ??= new Map()
        const before = found.get(key)
        if (!before || before.start > place.start) found.set(key, { id, category, severity, ...place })
      })
      if (!found) return none
      return form.original([...found.values()]).sort((a, b) => a.start - b.start)
    },
  }
}
