/**
 * A flood of callers without a valid credential must not fill the disk: past ten a minute from one address they are
 * counted, and go on record as one line. Failed logins are counted apart from what asks for nothing (greetings, health
 * checks, `OPTIONS`), so that a load balancer does not crowd them out.
 */
import { networkOf } from '../../core/peer.ts'

/** `login`: a credential was refused; `probe`: nothing was asked for. */
export type FailureKind = 'login' | 'probe'

/** Counts requests without a valid credential, by address. */
export interface LoginFailures {
  /** False: counted, to be recorded together with its like. */
  recordsAlone(peer: string, kind: FailureKind): boolean
  /** Writes what was counted. */
  flush(): void
  close(): void
}

const minuteMs = 60_000
const alonePerMinute = 10
const maxPeers = 10_000
/** Under which all further addresses are counted when there are too many to tell apart. */
const others = 'others'

/** @param onCounted of an address, or an IPv6 network of addresses */
export function createLoginFailures(
  onCounted: (peer: string, count: number, kind: FailureKind) => void,
): LoginFailures {
  let counts = { login: new Map<string, number>(), probe: new Map<string, number>() }
  const flush = () => {
    const before = counts
    counts = { login: new Map(), probe: new Map() }
    for (const kind of ['login', 'probe'] as const)
      for (const [peer, count] of before[kind])
        if (count > alonePerMinute) onCounted(peer, count - alonePerMinute, kind)
  }
  const timer = setInterval(flush, minuteMs)
  timer.unref()
  return {
    recordsAlone(peer, kind) {
      const ofKind = counts[kind]
      const network = networkOf(peer)
      const key = ofKind.has(network) || ofKind.size < maxPeers ? network : others
      const count = (ofKind.get(key) ?? 0) + 1
      ofKind.set(key, count)
      return count <= alonePerMinute
    },
    flush,
    close() {
      clearInterval(timer)
      flush()
    },
  }
}
