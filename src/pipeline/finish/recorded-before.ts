/**
 * Which texts stand in the log already. An agent sends its whole conversation again with every step; a record then names
 * a text that an earlier one has by a digest of what stands there. Of one caller, of the last hour, and only once the
 * earlier record is written; a digest of the masked text tells nothing that the masked text does not.
 */
import { hash } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import { referenceLength, referenceTo } from '../../audit/query/reference.ts'
import type { Clock } from '../../core/clock.ts'
import type { Text } from '../../core/text.ts'

/** Knows the texts that are on record. */
export interface RecordedBefore {
  /** @returns the digest under which the text is referred to */
  find(owner: string, text: Text): string | undefined
  /** @param recorded as it stands in the log, masked */
  keep(owner: string, text: Text, recorded: string): void
  /** Records are gone, or their texts: nothing may refer to them any more. */
  forget(): void
}

const hourMs = 3_600_000
/** Some 200 bytes each. */
const maxKept = 16_384

/** Makes an empty one. */
export function createRecordedBefore(clock: Clock): RecordedBefore {
  const known = new LRUCache<string, { readonly digest: string; readonly atMs: number }>({ max: maxKept })
  // By digest: holding the texts themselves would be a second, unmasked log in memory.
  const keyOf = (owner: string, { channel, text }: Text) => `${hash('sha256', text)} ${channel} ${owner}`
  return {
    find(owner, text) {
      const key = keyOf(owner, text)
      const found = known.peek(key)
      if (found && clock.monotonicMs() - found.atMs < hourMs) return found.digest
      known.delete(key)
      return undefined
    },
    keep(owner, text, recorded) {
      const key = keyOf(owner, text)
      // Mostly nothing of it is masked, and its digest is there already.
      const digest = recorded === text.text ? key.slice(0, referenceLength) : referenceTo(recorded)
      known.set(key, { digest, atMs: clock.monotonicMs() })
    },
    forget: () => known.clear(),
  }
}
