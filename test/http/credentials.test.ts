/**
 * Every kind of credential, every way in which it can be wrong, in every dialect: the caller learns nothing but that
 * it was refused, the operator learns why.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { mintKey } from '../../src/auth/api-keys/key.ts'
import { openSigningKeys, signingKeysFile } from '../../src/auth/tokens/signing-keys.ts'
import { mintToken } from '../../src/auth/tokens/token.ts'
import { loadPolicy } from '../../src/policy/load.ts'
import type { Role } from '../../src/policy/policy.ts'
import { cli } from '../rig/cli.ts'
import { entryOf, type RunningGate, startGate } from '../rig/gate.ts'
import { type ModelServer, startModelServer } from '../rig/model-server.ts'

let model: ModelServer
let gate: RunningGate
/** Way to be wrong → headers. */
const wrong: Record<string, Record<string, string>> = {}
const bearer = (credential: string) => ({ authorization: `Bearer ${credential}` })

beforeAll(async () => {
  model = await startModelServer()
  const made = Object.fromEntries(
    ['good', 'expired', 'revoked', 'disabled', 'elsewhere'].map((name) => [name, mintKey()]),
  ) as Record<string, { id: string; key: string }>
  const keyOf = (name: string) => made[name] ?? { id: '', key: '' }
  const entry = (name: string) => entryOf(keyOf(name).key, keyOf(name).id)
  const before = '2020-01-01T00:00:00Z'
  gate = await startGate({
    upstream: model.url,
    keys: [
      entry('good'),
      { ...entry('expired'), expires: before },
      { ...entry('revoked'), revoked: before },
      { ...entry('disabled'), disabled: before },
      { ...entry('elsewhere'), networks: ['203.0.113.0/24'] },
    ],
    more: 'door: { failuresPerMinute: 10000 }\n',
  })
  const { policy } = loadPolicy(gate.policyFile, {})
  const signing = openSigningKeys(() => signingKeysFile(gate.keysFile))
  const token = async (name: string, nowMs = Date.now(), keys = signing) =>
    mintToken(
      {
        key: keyOf(name).id,
        role: policy.roles.get('agent') as Role,
        grants: [],
        expiresMs: Number.POSITIVE_INFINITY,
      },
      { ttlMs: 60_000 },
      policy.tokens,
      keys,
      nowMs,
    )
  const good = await token('good')
  const withdrawn = await token('good')
  await cli(['token', 'revoke', withdrawn.id, '-c', gate.policyFile])
  const stranger = openSigningKeys(() => `${gate.folder}/stranger.json`)
  const forged = async () => {
    // The stranger's signature under the name of our key.
    const { kid } = await signing.current(Date.now(), policy.tokens.rotateMs)
    const { token: theirs } = await token('good', Date.now(), stranger)
    const [, payload, signature] = theirs.split('.')
    const header = { alg: 'EdDSA', kid, typ: 'torwart+jwt' }
    return `${Buffer.from(JSON.stringify(header)).toString('base64url')}.${payload}.${signature}`
  }
  const none = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url')
  Object.assign(wrong, {
    'nothing at all': {},
    'an empty scheme': { authorization: 'Bearer' },
    'a scheme that there is not': { authorization: `Digest ${keyOf('good').key}` },
    'key: no key of ours': bearer('sk-1234567890'),
    'key: a typing error': bearer(`${keyOf('good').key.slice(0, -1)}!`),
    'key: unknown': bearer(mintKey().key),
    'key: another secret under a known id': bearer(mintKey(keyOf('good').id).key),
    'key: expired': bearer(keyOf('expired').key),
    'key: revoked': bearer(keyOf('revoked').key),
    'key: disabled': bearer(keyOf('disabled').key),
    'key: from elsewhere': bearer(keyOf('elsewhere').key),
    'key: two at once': { ...bearer(keyOf('good').key), 'x-api-key': mintKey().key },
    'key: far too long': bearer(`tw_${'a'.repeat(5000)}`),
    'token: no signature': bearer(`${none({ alg: 'none', typ: 'torwart+jwt' })}.${none({})}.AA`),
    'token: signed by a stranger': bearer((await token('good', Date.now(), stranger)).token),
    'token: signed by a stranger in our name': bearer(await forged()),
    'token: expired': bearer((await token('good', Date.now() - 120_000)).token),
    'token: revoked': bearer(withdrawn.token),
    'token: of a revoked key': bearer((await token('revoked')).token),
    'token: of a disabled key': bearer((await token('disabled')).token),
    'token: of an expired key': bearer((await token('expired')).token),
    'token: of a key from elsewhere': bearer((await token('elsewhere')).token),
    'token: beside its own key': { ...bearer(good.token), 'x-api-key': keyOf('good').key },
    'jwt: of somebody whom the policy does not know': bearer(
      `${none({ alg: 'ES256', typ: 'JWT' })}.${none({ iss: 'x' })}.AA`,
    ),
  })
  gate.reload()
  // The harmless twins.
  expect((await gate.get('/api/version', bearer(keyOf('good').key))).status).toBe(200)
  expect((await gate.get('/api/version', bearer(good.token))).status).toBe(200)
})
afterAll(async () => {
  await gate.close()
  await model.close()
})

const body = { model: 'smollm2:135m', messages: [{ role: 'user', content: 'hi' }], max_tokens: 5 }
const routes = ['/api/chat', '/v1/chat/completions', '/v1/messages', '/v1/responses', '/v1/completions']

describe('a wrong credential', () => {
  it.each(routes)('is refused on %s, and every way in which it is wrong looks alike', async (route) => {
    const answers = new Map<string, string>()
    for (const [way, headers] of Object.entries(wrong)) {
      const response = await fetch(gate.data + route, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-request-id': 'same', ...headers },
        body: JSON.stringify(body),
      })
      expect([way, response.status]).toEqual([way, 401])
      expect(response.headers.get('x-torwart-code')).toBe('invalid_credentials')
      expect(response.headers.get('x-should-retry')).toBe('false')
      // Whether the connection is kept depends on how much of the body has come when the answer goes.
      const changing = ['date', 'connection', 'keep-alive']
      const names = [...response.headers.keys()].filter((name) => !changing.includes(name)).sort()
      answers.set(way, `${names} ${await response.text()}`)
    }
    expect([...answers].filter(([, answer]) => answer !== answers.get('nothing at all'))).toEqual([])
    expect(model.posts).toEqual([])
  })

  it('is counted by the reason, which says nothing of what was shown', async () => {
    const text = await (await fetch(`${gate.admin}/metrics`)).text()
    const reasons = [...text.matchAll(/torwart_credential_failures_total\{reason="([^"]+)"\}/g)].map(
      ([, reason]) => reason,
    )
    for (const reason of [
      'missing',
      'several',
      'malformed',
      'unknown',
      'wrong',
      'expired',
      'revoked',
      'disabled',
      'elsewhere',
    ])
      expect(reasons).toContain(reason)
  })
})
