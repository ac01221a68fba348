/**
 * A flood of callers without a valid credential must not fill the disk: past ten a minute from one address
 * they are counted, and go on record as one line.
 */
export interface Flood {
  /** False: counted, to be recorded together with its like. */
  recordsAlone(peer: string): boolean
  /** Writes what was counted. */
  flush(): void
  close(): void
}

const minuteMs = 60_000
const alonePerMinute = 10
const mostPeers = 10_000
/** Under which all further addresses are counted when there are too many to tell apart. */
const others = 'others'

export function createFlood(onCounted: (peer: string, count: number) => void): Flood {
  let counts = new Map<string, number>()
  const flush = () => {
    const before = counts
    counts = new Map()
    for (const [peer, count] of before) if (count > alonePerMinute) onCounted(peer, count - alonePerMinute)
  }
  const timer = setInterval(flush, minuteMs)
  timer.unref()
  return {
    recordsAlone(peer) {
      const key = counts.has(peer) || counts.size < mostPeers ? peer : others
      const count = (counts.get(key) ?? 0) + 1
      counts.set(key, count)
      return count <= alonePerMinute
    },
    flush,
    close() {
      clearInterval(timer)
      flush()
    },
  }
}
