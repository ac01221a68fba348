/** How a gateway knows who calls: keys, the tokens made from them, those of other issuers; and who is told of it. */

import type { KeyRing } from '../auth/api-keys/key-ring.ts'
import type { SharedKeys } from '../auth/api-keys/shared-keys.ts'
import { createUseCounter, usesFile } from '../auth/api-keys/usage.ts'
import { holderOf } from '../auth/identity.ts'
import { createJwts } from '../auth/jwt/jwt.ts'
import { openSigningKeys, type SigningKeys, signingKeysFile } from '../auth/tokens/signing-keys.ts'
import { createTokenReader, type MintedToken } from '../auth/tokens/token.ts'
import type { Clock } from '../core/clock.ts'
import type { Intervals } from '../core/intervals.ts'
import { networkOf } from '../core/peer.ts'
import { describeError } from '../core/refusal.ts'
import { createMasker, findSensitive } from '../detect/sensitive/mask.ts'
import type { Authenticated } from '../pipeline/context.ts'
import { type Authenticate, createAuthenticate } from '../pipeline/request/authenticate.ts'
import type { Policy } from '../policy/policy.ts'
import type { Log } from '../telemetry/log.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import type { createSparing } from '../telemetry/sparing.ts'

/** What it takes to recognise callers. */
export interface CallersParts {
  policy(): Policy
  /** In force. */
  keys(): KeyRing
  readonly shared: Pick<SharedKeys, 'synchronise'> | undefined
  readonly clock: Clock
  readonly intervals: Intervals
  readonly metrics: Metrics
  readonly log: Log
  readonly mayTell: ReturnType<typeof createSparing>
  /** The same of a kind and a peer. */
  readonly mayTellOf: ReturnType<typeof createSparing>
  recordEvent(event: string, details: object): void
}

/** What recognises callers. */
export interface Callers {
  readonly authenticate: Authenticate
  readonly signing: SigningKeys
  onMinted(minted: MintedToken, request: Authenticated): void
  /** After the files of keys may have changed. */
  refresh(): void
  close(): Promise<void>
}

/** Opens signing keys, last-use counts and the keys of token issuers. */
export function openCallers(parts: CallersParts): Callers {
  const { policy, keys, shared, clock, intervals, metrics, log, mayTell, mayTellOf, recordEvent } = parts
  const signing = openSigningKeys(
    () => signingKeysFile(policy().keysFile),
    // Others must know a key before they meet what it signed; while Redis is away they learn of it later.
    async () => void (await shared?.synchronise().catch(() => {})),
  )
  const uses = createUseCounter(
    () => usesFile(policy().keysFile),
    (error) => log.warn({ cause: describeError(error) }, 'cannot write when keys were last used'),
  )
  const jwts = createJwts(clock.monotonicMs, intervals, (issuer, problem) => {
    if (mayTell(`issuer ${issuer}`))
      log.warn({ issuer, problem }, 'cannot refresh the keys of a token issuer')
  })
  const refresh = () => {
    try {
      signing.refresh()
    } catch (error) {
      log.error({ cause: describeError(error) }, 'cannot read the signing keys; the known ones stay in use')
    }
  }
  refresh()
  return {
    signing,
    refresh,
    authenticate: createAuthenticate({
      tokens: createTokenReader(signing),
      jwts,
      clock,
      keys,
      onFault(reason, { id, peer }) {
        metrics.credentialFailures.inc({ reason })
        if (reason !== 'missing' && mayTellOf(`${reason} ${networkOf(peer)}`))
          log.warn({ reason, id, peer }, 'a credential was refused')
      },
      onCaller: (identity, nowMs) => uses.note(holderOf(identity), nowMs),
    }),
    onMinted({ id, parent, expiresMs, role }, { identity }) {
      const { mask } = createMasker(findSensitive)
      recordEvent('token made', {
        token: id,
        parent,
        identity,
        expires: new Date(expiresMs).toISOString(),
        routes: [...role.routes],
        // The caller's words.
        models: role.models.map((model) => mask(model)),
        budgets: role.budgets,
      })
    },
    async close() {
      await Promise.all([uses.close(), jwts.close()])
    },
  }
}
