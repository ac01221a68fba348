/** When a model at a server is trusted: what the server tells, against the lock. */
import { describe, expect, it } from 'vitest'
import { DriftWatch } from '../../src/model-trust/drift-watch.ts'
import { inWords, judge, type KnownModels, maxSilenceMs } from '../../src/model-trust/judge.ts'
import type { LockedModel } from '../../src/model-trust/lock/lock.ts'
import type { LockState } from '../../src/model-trust/lock/lock-file.ts'
import { sha256Of } from '../../src/model-trust/parts.ts'
import type { Policy, Upstream } from '../../src/policy/policy.ts'

const [good, evil, old] = [sha256Of('good'), sha256Of('evil'), sha256Of('old')]
const locked = '2026-12-01T00:00:00.000Z'
const entry = (upstream: string, digest: string, more: Partial<LockedModel> = {}): LockedModel => ({
  ...{ name: 'x', kind: 'ollama', upstream, digest, parts: [], locked, ...more },
})
const lock = (...models: LockedModel[]): LockState => ({ state: 'read', lock: { models } })
const known = (listed: string | null, loaded?: string | null): KnownModels => ({
  listed: new Map([['x', { digest: listed }]]),
  loaded: new Map(loaded === undefined ? [] : [['x', loaded]]),
  toldAtMs: 0,
})
const place = { model: 'x', kind: 'ollama', upstream: 'a' } as const
const kindOf = (told: KnownModels, state: LockState, nowMs = 0, at: Parameters<typeof judge>[0] = place) =>
  judge(at, told, state, nowMs)?.kind

describe('a model', () => {
  const one = lock(entry('a', good))
  const accepted = { why: 'w', by: 'b', at: locked, was: old }

  it.each<[string, KnownModels, LockState, string | undefined]>([
    ['the locked version', known(good), one, undefined],
    [
      'the locked version, as some servers write digests',
      known(`sha256:${good.toUpperCase()}`),
      one,
      undefined,
    ],
    ['the locked version in memory, too', known(good, good), one, undefined],
    ['another version', known(evil), one, 'drifted'],
    ['a digest that is none', known('latest'), one, 'drifted'],
    ['no digest', known(null), one, 'drifted'],
    ['another version in memory', known(good, evil), one, 'loaded'],
    ['a version in memory that tells no digest', known(good, null), one, 'loaded'],
    [
      'the version before an accepted one in memory',
      known(good, old),
      lock(entry('a', good, { accepted })),
      undefined,
    ],
    [
      'the version before an accepted one under its name',
      known(old),
      lock(entry('a', good, { accepted })),
      'drifted',
    ],
    ['what another server has locked', known(good), lock(entry('b', good)), undefined],
    ['one of two that others have locked', known(evil), lock(entry('b', good), entry('c', evil)), undefined],
    ['what only another server may have', known(evil), lock(entry('a', good), entry('c', evil)), 'drifted'],
    ['nothing that is locked', known(good), lock(entry('a', good, { name: 'y' })), 'unlocked'],
    [
      'a name that another kind has locked',
      known(good),
      lock(entry('a', good, { kind: 'localai' })),
      'unlocked',
    ],
    ['anything while the lock is missing', known(good), { state: 'missing' }, 'no lock'],
    ['anything while the lock is broken', known(good), { state: 'broken', reason: 'line 3: cut' }, 'no lock'],
    ['anything of a server that never told', { ...known(good), listed: undefined }, one, 'unknown'],
  ])('with %s', (_what, told, state, doubt) => {
    expect(kindOf(told, state)).toBe(doubt)
  })

  it('is not trusted any more once its server has been silent for half a minute', () => {
    expect(kindOf(known(good), one, maxSilenceMs)).toBeUndefined()
    expect(kindOf(known(good), one, maxSilenceMs + 1)).toBe('unknown')
  })

  it('of a server that tells no versions is never trusted, and the reasons are words', () => {
    for (const kind of ['localai', 'openai'] as const) {
      const doubt = judge({ ...place, kind }, known(good), lock(entry('a', good, { kind })), 0)
      expect(doubt && inWords(doubt)).toMatch(/do not tell which version/)
    }
  })
})

describe('the watch', () => {
  it('compares after a response only what the server has told since', async () => {
    const upstream = { name: 'a', kind: 'ollama', origin: 'http://a' } as unknown as Upstream
    let toldAtMs = 0
    let looks = 0
    let asked = 0
    const policy = {
      modelTrust: {
        require: new Set(['digest']),
        onDrift: 'refuse',
        lockFile: '/nonexistent/models.lock.yaml',
      },
      upstreams: [upstream],
      get roles() {
        looks++
        return new Map()
      },
    } as unknown as Policy
    const watch = new DriftWatch({
      ...{
        policy: () => policy,
        nowMs: () => 0,
        wallMs: () => 0,
        everyMs: 3_600_000,
        onChange: () => {},
        onLock: () => {},
      },
      known: () => ({ ...known(good), toldAtMs }),
      ask: async () => void asked++,
    })
    for (let answer = 0; answer < 100; answer++) watch.answered(upstream, policy)
    await new Promise(setImmediate)
    expect([asked, looks]).toEqual([1, 0])
    watch.answered(upstream, policy)
    toldAtMs = 1000
    await new Promise(setImmediate)
    expect([asked, looks]).toEqual([2, 1])
    watch.close()
  })

  it('tells each change once, and no more of a model that is gone', () => {
    const upstream = { name: 'a', kind: 'ollama', origin: 'http://a' } as unknown as Upstream
    let told = known(evil)
    const changes: (string | undefined)[] = []
    const policy = {
      modelTrust: {
        require: new Set(['digest']),
        onDrift: 'refuse',
        lockFile: '/nonexistent/models.lock.yaml',
      },
      upstreams: [upstream],
      roles: new Map([['r', { mayUse: () => true }]]),
    } as unknown as Policy
    const faults: (string | undefined)[] = []
    const watch = new DriftWatch({
      ...{
        policy: () => policy,
        known: () => told,
        ask: async () => {},
        nowMs: () => 0,
        wallMs: () => 0,
        everyMs: 3_600_000,
      },
      onChange: ({ doubt }) => void changes.push(doubt?.kind),
      onLock: (fault) => void faults.push(fault),
    })
    // Without a lock the lock is told of, once, and not every model.
    watch.compare()
    watch.compare()
    expect([changes, faults]).toEqual([[], ['the lock file is missing']])
    expect(watch.admits(upstream, 'x', policy)).toBe(false)
    expect(watch.statuses()).toMatchObject([
      { model: 'x', digest: evil, locked: null, doubt: { kind: 'no lock' } },
    ])
    told = { ...told, listed: new Map() }
    watch.compare()
    expect(watch.statuses()).toEqual([])
    watch.close()
  })
})
