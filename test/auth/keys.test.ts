import {
  chmodSync,
  lstatSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { hashKey, keyId, mintKey } from '../../src/auth/api-keys/key.ts'
import {
  createdKey,
  disabledKey,
  enabledKey,
  revokedKey,
  rotatedKey,
} from '../../src/auth/api-keys/key-changes.ts'
import {
  isOpenToOthers,
  type KeyEntry,
  keyChanges,
  keyStatus,
  mergedKey,
  readKeyFile,
  writeKeyFile,
} from '../../src/auth/api-keys/key-file.ts'
import { createKeyRing } from '../../src/auth/api-keys/key-ring.ts'
import { presentedCredential } from '../../src/auth/credential.ts'

const now = Date.parse('2026-11-22T12:00:00Z')
const here = '192.0.2.1'
const entry = (key: string, id: string, more: Partial<KeyEntry> = {}): KeyEntry => ({
  id,
  name: 'n',
  role: 'r',
  sha256: hashKey(key).toString('hex'),
  created: '2026-01-01T00:00:00Z',
  ...more,
})

describe('a key', () => {
  it('has the form of the contract and 256 bits of secret', () => {
    const { id, key } = mintKey()
    expect(key).toMatch(/^tw_[0-9A-Za-z]+_[0-9A-Za-z]{43}_[0-9A-Za-z]{6}$/)
    expect(keyId(key)).toBe(id)
    expect(new Set(Array.from({ length: 200 }, () => mintKey().key)).size).toBe(200)
  })

  it('is refused offline with any one character changed', () => {
    const { key } = mintKey()
    fc.assert(
      fc.property(fc.nat(key.length - 1), fc.constantFrom(...'09azAZ_- '), (at, character) => {
        fc.pre(key[at] !== character)
        expect(keyId(key.slice(0, at) + character + key.slice(at + 1))).toBeUndefined()
      }),
    )
  })

  it.each(['', 'tw_', 'sk-abc', 'tw_a_b_c', 'tw_abcdefgh__xxxxxx', `tw_${'a'.repeat(5000)}`])(
    'is not %j',
    (text) => expect(keyId(text)).toBeUndefined(),
  )
})

describe('the key ring', () => {
  const { id, key } = mintKey()
  it('knows a key', () => {
    expect(createKeyRing([entry(key, id)]).identify(key, now, here)).toEqual({
      kind: 'key',
      id,
      name: 'n',
      role: 'r',
    })
  })

  it.each([
    ['unknown', []],
    ['wrong', [entry(mintKey(id).key, id)]],
    ['revoked', [entry(key, id, { revoked: '2026-11-01T00:00:00Z' })]],
    ['expired', [entry(key, id, { expires: '2026-11-22T12:00:00Z' })]],
  ] as const)('says %s', (fault, entries) => {
    expect(createKeyRing(entries).identify(key, now, here)).toBe(fault)
  })

  it('asks for the expiry every time', () => {
    const ring = createKeyRing([entry(key, id, { expires: '2026-11-22T12:00:01Z' })])
    expect(ring.identify(key, now, here)).toMatchObject({ id })
    expect(ring.identify(key, now + 1000, here)).toBe('expired')
  })

  it('takes the secret before a rotation until its grace ends', () => {
    const before = mintKey(id).key
    const previous = { sha256: hashKey(before).toString('hex'), until: '2026-11-22T12:00:01Z' }
    const ring = createKeyRing([entry(key, id, { previous: [previous] })])
    expect(ring.identify(key, now + 5000, here)).toMatchObject({ id })
    expect(ring.identify(before, now, here)).toMatchObject({ id })
    expect(ring.identify(before, now + 1000, here)).toBe('expired')
  })
})

describe('two versions of a key', () => {
  const at = (hour: number) => `2026-11-22T${String(hour).padStart(2, '0')}:00:00.000Z`
  const hours = fc.integer({ min: 0, max: 23 }).map(at)
  const version = fc
    .record(
      {
        revoked: hours,
        disabled: hours,
        enabled: hours,
        rotated: hours,
        sha256: fc.constantFrom('a'.repeat(64), 'b'.repeat(64)),
        by: fc.record(
          Object.fromEntries(keyChanges.map((change) => [change, fc.constantFrom('alice', 'bob')])),
          { requiredKeys: ['created'] },
        ),
      },
      { requiredKeys: ['sha256'] },
    )
    .map((more): KeyEntry => ({ id: 'abcd1234', name: 'n', role: 'r', created: at(0), ...more }))

  it('come to the same, whichever is whose and in whatever order they meet', () => {
    fc.assert(
      fc.property(version, version, version, (a, b, c) => {
        expect(mergedKey(a, b)).toEqual(mergedKey(b, a))
        expect(mergedKey(a, a)).toEqual(a)
        expect(mergedKey(mergedKey(a, b), c)).toEqual(mergedKey(a, mergedKey(b, c)))
        if (a.revoked !== undefined) expect(mergedKey(a, b).revoked).toBeDefined()
      }),
    )
  })

  it('do not give back what one of them took away', () => {
    const { key, id } = mintKey()
    const good = entry(key, id)
    const revoked = revokedKey(good, now)
    const rotated = rotatedKey(good, 0, now + 1).entry
    expect(mergedKey(rotated, revoked)).toMatchObject({ sha256: rotated.sha256, revoked: revoked.revoked })
    const disabled = disabledKey(good, now)
    expect(keyStatus(mergedKey(good, disabled), now)).toBe('disabled')
    expect(keyStatus(mergedKey(enabledKey(disabled, now), disabled), now)).toBe('active')
  })
})

describe('a key that would break its file', () => {
  it('is not made', () => {
    const wish = { name: 'n', role: 'r', networks: [], lifeMs: 9e15 }
    expect(() => createdKey(wish, now)).toThrow('hundred years')
    expect(() => rotatedKey(entry(mintKey().key, 'abcd1234'), 9e15, now)).toThrow('hundred years')
  })
})

describe('a token of a key', () => {
  it('made from the secret before a rotation is good for as long as that is', () => {
    const { key, id } = mintKey()
    const token = {
      id: 'A'.repeat(16),
      key: id,
      issuedMs: now - 60_000,
      expiresMs: now + 3_600_000,
      kid: 'k',
      grants: [{ id: 'A'.repeat(16) }],
    }
    const bearer = (graceMs: number, atMs: number) =>
      createKeyRing([rotatedKey(entry(key, id), graceMs, now).entry]).bearer(token, atMs, here)
    expect(bearer(0, now + 1)).toBe('revoked')
    expect(bearer(1000, now + 1)).toMatchObject({ kind: 'token', from: [id] })
    expect(bearer(1000, now + 1000)).toBe('revoked')
  })
})

describe('the key file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'torwart-keys-'))
  afterAll(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'keys.yaml')

  it('is empty before it exists', () => expect(readKeyFile(file)).toEqual([]))

  it('keeps hashes only, readable by its owner only', () => {
    const { id, key } = mintKey()
    writeKeyFile(file, [entry(key, id, { expires: '2027-01-01T00:00:00.000Z' })])
    expect(statSync(file).mode & 0o777).toBe(0o600)
    expect(readFileSync(file, 'utf8')).not.toContain(key.split('_')[2])
    expect(readKeyFile(file)).toEqual([entry(key, id, { expires: '2027-01-01T00:00:00.000Z' })])
  })

  it.each([
    'version: 1\nkeys: [{ id: abcd }]\n',
    'keys: []\n',
    'version: 1\nkeys: [{ id: abcd, name: n, role: r, sha256: xyz, created: 2026-01-01T00:00:00Z }]\n',
  ])('is refused when it is something else: %j', (text) => {
    writeFileSync(file, text)
    expect(() => readKeyFile(file)).toThrow(TypeError)
  })

  it('is refused with a duplicate id', () => {
    const { id, key } = mintKey()
    writeKeyFile(file, [entry(key, id), entry(mintKey(id).key, id)])
    expect(() => readKeyFile(file)).toThrow(/duplicate id/)
  })

  it('tells the status of a key', () => {
    expect(keyStatus(entry('k', 'abcd'), now)).toBe('active')
    expect(keyStatus(entry('k', 'abcd', { expires: '2026-11-22T12:00:00Z' }), now)).toBe('expired')
    expect(keyStatus(entry('k', 'abcd', { revoked: '2026-11-22T12:00:00Z' }), now)).toBe('revoked')
  })
})

describe('a key file behind a link', () => {
  it('is written where the link leads', () => {
    const folder = mkdtempSync(join(tmpdir(), 'torwart-link-'))
    const real = join(folder, 'real.yaml')
    const link = join(folder, 'link.yaml')
    writeKeyFile(real, [])
    symlinkSync(real, link)
    const entry = {
      id: 'abcd',
      name: 'n',
      role: 'r',
      sha256: '0'.repeat(64),
      created: '2026-11-22T00:00:00Z',
    }
    writeKeyFile(link, [entry])
    expect(lstatSync(link).isSymbolicLink()).toBe(true)
    expect(readKeyFile(real)).toEqual([entry])
    expect(isOpenToOthers(real)).toBe(false)
    chmodSync(real, 0o644)
    expect(isOpenToOthers(link)).toBe(true)
    rmSync(folder, { recursive: true })
  })
})

describe('a credential', () => {
  const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`
  it.each([
    [['Authorization', 'Bearer k1']],
    [['authorization', 'bearer   k1']],
    [['AUTHORIZATION', 'BEARER k1 ']],
    [['X-Api-Key', 'k1']],
    [['api-key', ' k1 ']],
    [['Authorization', basic('user:k1')]],
    [['Authorization', basic(':k1')]],
    [['Host', 'x', 'Authorization', 'Bearer k1', 'x-api-key', 'k1']],
    [['Authorization', 'Bearer k1', 'Authorization', 'Bearer k1']],
  ])('is found in %j', (headers) => {
    expect(presentedCredential(headers)).toEqual({ credential: 'k1' })
  })

  it.each([
    [[], 'missing'],
    [['Host', 'x', 'Cookie', 'token=k1'], 'missing'],
    [['Authorization', 'Bearer k1', 'x-api-key', 'k2'], 'several'],
    [['Authorization', 'Bearer k1', 'Authorization', 'Bearer k2'], 'several'],
    [['Authorization', 'Digest k1'], 'malformed'],
    [['Authorization', 'k1'], 'malformed'],
    [['Authorization', 'Bearer '], 'malformed'],
    [['Authorization', 'Bearer k1 k2'], 'malformed'],
    [['Authorization', basic('no colon')], 'malformed'],
    [['x-api-key', ' '], 'missing'],
    [['Authorization', ''], 'missing'],
    [['x-api-key', 'k'.repeat(9000)], 'malformed'],
  ] as const)('of %j is %s', (headers, fault) => {
    expect(presentedCredential(headers)).toBe(fault)
  })
})
