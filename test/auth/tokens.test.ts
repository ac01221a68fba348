/** Capability tokens by themselves: what they may do, how long, and what is not taken for one. */
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { SignJWT } from 'jose'
import { afterAll, describe, expect, it } from 'vitest'
import { narrow } from '../../src/auth/tokens/grant.ts'
import { openSigningKeys, signingKeysFile } from '../../src/auth/tokens/signing-keys.ts'
import {
  createTokenReader,
  isToken,
  mintToken,
  type Token,
  type TokenRequest,
} from '../../src/auth/tokens/token.ts'
import { type RouteGroup, routeGroups } from '../../src/dialects/dialect.ts'
import { loadPolicy } from '../../src/policy/load.ts'
import type { Role } from '../../src/policy/policy.ts'

const folder = mkdtempSync(join(tmpdir(), 'torwart-tokens-'))
afterAll(() => rmSync(folder, { recursive: true }))
const now = Date.parse('2026-11-25T12:00:00Z')
const minute = 60_000
const rules = { lifeMs: 15 * minute, maxMs: 60 * minute, depth: 3, rotateMs: 30 * 86_400_000 }
const { policy } = loadPolicy(new URL('../../config/torwart.yaml', import.meta.url).pathname, {})
const base = policy.roles.values().next().value as Role
const role: Role = {
  ...narrow(base, []),
  routes: new Set<RouteGroup>(['chat', 'models', 'admin']),
  models: ['qwen3:*', 'llama3.2'],
  mayUse: (model) => model.startsWith('qwen3:') || model === 'llama3.2',
}
let files = 0
const signingIn = (file = join(folder, `${files++}.yaml`)) => openSigningKeys(() => signingKeysFile(file))
const holder = (more: object = {}) => ({
  key: 'abcd1234',
  role,
  grants: [],
  expiresMs: Number.POSITIVE_INFINITY,
  ...more,
})
const wish = (more: Partial<TokenRequest> = {}): TokenRequest => ({ ttlMs: undefined, ...more })

describe('a token', () => {
  it('says what it may do, of which key it is and until when', async () => {
    const signing = signingIn()
    const made = await mintToken(
      holder(),
      wish({ routes: ['chat'], models: ['qwen3:8b'] }),
      rules,
      signing,
      now,
    )
    expect(made).toMatchObject({ parent: 'abcd1234', expiresMs: now + 15 * minute })
    expect(isToken(made.token)).toBe(true)
    const token = await createTokenReader(signing).read(made.token, now)
    expect(token).toEqual({
      id: made.id,
      key: 'abcd1234',
      issuedMs: now,
      expiresMs: now + 15 * minute,
      kid: expect.any(String),
      grants: [{ id: made.id, routes: ['chat'], models: ['qwen3:8b'] }],
    })
    const narrowed = narrow(role, (token as Token).grants)
    expect([...narrowed.routes]).toEqual(['chat'])
    expect(narrowed.mayUse('qwen3:8b', 'ollama')).toBe(true)
    expect(narrowed.mayUse('llama3.2', 'ollama')).toBe(false)
  })

  it('never has the administrator’s routes unless it names them', async () => {
    expect(narrow(role, [{ id: 'x'.repeat(16) }]).routes.has('admin')).toBe(false)
    expect(narrow(role, [{ id: 'x'.repeat(16), routes: ['admin'] }]).routes.has('admin')).toBe(true)
  })

  it.each([
    ['a route that is not there to give', { routes: ['embeddings'] }, /`routes` names embeddings/],
    [
      'a model that is not there to give',
      { models: ['gemma3:1b'] },
      /gemma3:1b, which you cannot pass on. You can pass on .*qwen3/,
    ],
    ['a pattern that is wider', { models: ['qwen*:*'] }, /qwen\*:\*, which you cannot pass on/],
    ['what is no model', { models: ['x:cloud'] }, /not a name or pattern/],
    ['a life that is over at once', { ttlMs: 500 }, /at least 1 second/],
    ['a life that is too long', { ttlMs: 61 * minute }, /at most/],
  ] as const)('is not made with %s', async (_what, more, say) => {
    const making = mintToken(holder(), wish(more as Partial<TokenRequest>), rules, signingIn(), now)
    await expect(making).rejects.toMatchObject({ code: 'invalid_request', say: expect.stringMatching(say) })
  })

  it('ends no later than what it was made from', async () => {
    const made = await mintToken(holder({ expiresMs: now + minute }), wish(), rules, signingIn(), now)
    expect(made.expiresMs).toBe(now + minute)
  })

  it('is made from tokens only so deep', async () => {
    const grants = [1, 2, 3].map((each) => ({ id: `${each}`.repeat(16) }))
    const making = mintToken(holder({ grants }), wish(), rules, signingIn(), now)
    await expect(making).rejects.toMatchObject({ code: 'invalid_request' })
  })

  it('expires to the second, without tolerance, also when it was read before', async () => {
    const signing = signingIn()
    const { token, expiresMs } = await mintToken(holder(), wish(), rules, signing, now)
    const reader = createTokenReader(signing)
    expect(await reader.read(token, expiresMs - 1)).toMatchObject({ key: 'abcd1234' })
    expect(await reader.read(token, expiresMs)).toBe('expired')
    expect(await createTokenReader(signing).read(token, expiresMs)).toBe('expired')
  })

  it('is what a gateway with the same folder takes at once', async () => {
    const file = join(folder, 'shared.yaml')
    const [one, other] = [signingIn(file), signingIn(file)]
    const reader = createTokenReader(other)
    const first = await mintToken(holder(), wish(), rules, one, now)
    expect(await reader.read(first.token, now)).toMatchObject({ id: first.id })
    await one.rotate(now + 1000, false)
    const second = await mintToken(holder(), wish(), rules, one, now + 1000)
    expect(await reader.read(second.token, now + 1000)).toMatchObject({ id: second.id })
    expect(await reader.read(first.token, now + 1000)).toMatchObject({ id: first.id })
    expect(other.published(now).keys).toHaveLength(2)
  })
})

describe('what is no token', () => {
  const claims = { grants: [{ id: 'A'.repeat(16) }] }
  const forge = async (change: (jwt: SignJWT) => SignJWT, header: object = {}, key?: Uint8Array) => {
    const signing = signingIn()
    const { kid, key: signer } = await signing.current(now, rules.rotateMs)
    const jwt = new SignJWT(claims)
      .setProtectedHeader({ alg: 'EdDSA', typ: 'torwart+jwt', kid, ...header })
      .setIssuer('torwart')
      .setSubject('abcd1234')
      .setJti('A'.repeat(16))
      .setIssuedAt(now / 1000)
      .setExpirationTime(now / 1000 + 60)
    const token = await change(jwt).sign(key ?? signer)
    return { token, read: () => createTokenReader(signing).read(token, now) }
  }

  it('is told from one that is', async () => {
    expect(await (await forge((jwt) => jwt)).read()).toMatchObject({ key: 'abcd1234' })
  })

  it.each([
    ['another issuer', (jwt: SignJWT) => jwt.setIssuer('elsewhere'), {}, 'malformed'],
    ['no key id of ours', (jwt: SignJWT) => jwt, { kid: 'other000' }, 'unknown'],
    ['a key id that walks out of the folder', (jwt: SignJWT) => jwt, { kid: '../../x' }, 'unknown'],
    ['a subject that is no key', (jwt: SignJWT) => jwt.setSubject('a b'), {}, 'malformed'],
    ['a life of two days', (jwt: SignJWT) => jwt.setExpirationTime(now / 1000 + 172_800), {}, 'malformed'],
    ['an id that its grants do not end with', (jwt: SignJWT) => jwt.setJti('B'.repeat(16)), {}, 'malformed'],
    ['no end', (jwt: SignJWT) => jwt.setExpirationTime(now / 1000 - 1), {}, 'expired'],
  ] as const)('with %s', async (_what, change, header, fault) => {
    expect(await (await forge(change, header)).read()).toBe(fault)
  })

  it('signed with a shared secret, the public key for one', async () => {
    const forged = await forge((jwt) => jwt, { alg: 'HS256' }, new Uint8Array(32))
    expect(await forged.read()).toBe('malformed')
  })

  it('with no signature at all', async () => {
    const { token } = await forge((jwt) => jwt)
    const [, payload] = token.split('.')
    const header = Buffer.from(JSON.stringify({ alg: 'none', typ: 'torwart+jwt' })).toString('base64url')
    for (const unsigned of [`${header}.${payload}.`, `${header}.${payload}.AA`])
      expect(isToken(unsigned) ? await createTokenReader(signingIn()).read(unsigned, now) : 'malformed').toBe(
        'malformed',
      )
  })

  it('changed by one character', async () => {
    const signing = signingIn()
    const { token } = await mintToken(holder(), wish(), rules, signing, now)
    const at = token.length - 20
    const changed = token.slice(0, at) + (token[at] === 'A' ? 'B' : 'A') + token.slice(at + 1)
    expect(await createTokenReader(signing).read(changed, now)).toBe('wrong')
  })

  it('of somebody else is not ours to judge', () => {
    const header = Buffer.from(JSON.stringify({ alg: 'EdDSA', typ: 'JWT' })).toString('base64url')
    expect(isToken(`${header}.e30.AA`)).toBe(false)
    expect(isToken('tw_abc_def_ghi')).toBe(false)
  })
})

describe('signing keys', () => {
  it('are made on first use, for their owner only, and what is published signs nothing', async () => {
    const file = join(folder, 'first.yaml')
    const signing = signingIn(file)
    expect(signing.published(now)).toEqual({ keys: [] })
    expect(existsSync(signingKeysFile(file))).toBe(false)
    await signing.current(now, rules.rotateMs)
    expect(statSync(signingKeysFile(file)).mode & 0o777).toBe(0o600)
    const { d } = (JSON.parse(readFileSync(signingKeysFile(file), 'utf8')) as { keys: { d: string }[] })
      .keys[0] ?? { d: '' }
    expect(JSON.stringify(signing.published(now))).not.toContain(d)
  })

  it('are one, though several gateways make the first at once', async () => {
    const file = join(folder, 'race.yaml')
    const kids = await Promise.all(
      Array.from({ length: 6 }, async () => (await signingIn(file).current(now, rules.rotateMs)).kid),
    )
    expect(new Set(kids).size).toBe(1)
  })

  it('are replaced in time, and forgotten when nothing they signed can live any more', async () => {
    const signing = signingIn()
    const first = await signing.current(now, rules.rotateMs)
    expect((await signing.current(now + rules.rotateMs - 1, rules.rotateMs)).kid).toBe(first.kid)
    const second = await signing.current(now + rules.rotateMs, rules.rotateMs)
    expect(second.kid).not.toBe(first.kid)
    const day = 86_400_000
    expect(signing.find(first.kid, now + rules.rotateMs + day)).toBeDefined()
    // Whether or not another one was made since.
    expect(signing.find(first.kid, now + rules.rotateMs + 2 * day)).toBeUndefined()
    expect(signing.published(now + rules.rotateMs + 2 * day).keys).toHaveLength(1)
    expect(signing.find(second.kid, now + rules.rotateMs + 2 * day)).toBeDefined()
  })

  it('that leaked are made void, with every token they signed, read before or not', async () => {
    const file = join(folder, 'void.yaml')
    const [one, other] = [signingIn(file), signingIn(file)]
    const reader = createTokenReader(other)
    const { token } = await mintToken(holder(), wish(), rules, one, now)
    expect(await reader.read(token, now)).toMatchObject({ key: 'abcd1234' })
    await one.rotate(now + 1000, true)
    other.refresh()
    expect(await reader.read(token, now + 1000)).toBe('unknown')
    expect(await createTokenReader(one).read(token, now + 1000)).toBe('unknown')
    const fresh = await mintToken(holder(), wish(), rules, one, now + 1000)
    expect(await reader.read(fresh.token, now + 1000)).toMatchObject({ id: fresh.id })
  })
})

describe('delegation', () => {
  const models = ['qwen3:*', 'qwen3:8b', 'qwen3:0.6b', 'llama3.2', '*', 'q*:8b', 'gemma3:1b']
  const tools = ['search_*', 'search_web', 'send', '*', 's*']
  const grant = fc.record(
    {
      routes: fc.subarray([...routeGroups]),
      models: fc.subarray(models),
      tools: fc.subarray(tools),
      requests: fc.integer({ min: 1, max: 9 }),
      tokens: fc.integer({ min: 1, max: 9 }),
    },
    { requiredKeys: [] },
  )

  it('never widens, whatever is asked for below', () => {
    fc.assert(
      fc.property(fc.array(grant, { minLength: 1, maxLength: 8 }), (wishes) => {
        const grants = wishes.map((each, index) => ({ id: `${index}`.repeat(16), ...each }))
        let above = role
        for (const own of grants) {
          const below = narrow(above, [own])
          for (const route of below.routes) expect(above.routes.has(route)).toBe(true)
          for (const model of ['qwen3:8b', 'qwen3:0.6b', 'llama3.2', 'gemma3:1b', 'other'])
            if (below.mayUse(model, 'ollama')) expect(above.mayUse(model, 'ollama')).toBe(true)
          for (const tool of ['search_web', 'search_x', 'send', 'delete'])
            if (below.mayCall?.(tool) ?? true) expect(above.mayCall?.(tool) ?? true).toBe(true)
          expect(below.budgets.slice(0, above.budgets.length)).toEqual(above.budgets)
          expect(below.limits).toBe(role.limits)
          expect(below.caps).toBe(role.caps)
          above = below
        }
        // Taken together they are what they are one by one.
        expect([...narrow(role, grants).routes]).toEqual([...above.routes])
      }),
      { numRuns: 2000 },
    )
  })
})
