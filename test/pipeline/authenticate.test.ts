import { expect, it } from 'vitest'
import type { CredentialFault, Identity } from '../../src/auth/identity.ts'
import type { Token } from '../../src/auth/tokens/token.ts'
import type { Clock } from '../../src/core/clock.ts'
import type { Received } from '../../src/pipeline/context.ts'
import { createAuthenticate } from '../../src/pipeline/request/authenticate.ts'

const identity: Identity = { kind: 'token', id: 'T'.repeat(16), name: 'bot', role: 'agent' }
const clock: Clock = { wallMs: () => 0, monotonicMs: () => 0 }

const header = Buffer.from(JSON.stringify({ alg: 'EdDSA', typ: 'torwart+jwt' })).toString('base64url')

/** A token whose signature takes a moment; meanwhile its key may be revoked. */
function identifying(found: Identity | CredentialFault) {
  let verified: (token: Token) => void = () => {}
  const faults: string[] = []
  const authenticate = createAuthenticate({
    tokens: { read: () => new Promise<Token>((resolve) => (verified = resolve)) },
    jwts: { identify: () => undefined, close: async () => {} },
    clock,
    keys: () => ({ bearer: () => found }),
    onFault: (fault) => faults.push(fault),
    onCaller: () => {},
  })
  const request = {
    rawHeaders: ['authorization', `Bearer ${header}.e30.x`],
    certificate: undefined,
    peer: '127.0.0.1',
    policy: { tokens: { depth: 3 }, roles: new Map([['agent', {}]]), certificates: [], jwt: [] },
    keys: { bearer: () => identity },
  } as unknown as Received
  const caller = Promise.resolve(authenticate(request))
  verified({ grants: [] } as unknown as Token)
  return { caller, faults }
}

it('refuses a token whose key was revoked while its signature was verified', async () => {
  const { caller, faults } = identifying('revoked')
  await expect(caller).rejects.toMatchObject({ code: 'invalid_credentials' })
  expect(faults).toEqual(['revoked'])
})
