/** Memory and Redis answer alike, to the millisecond, whatever they are asked in whatever order. */
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type {
  Account,
  AccountUse,
  Admission,
  AdmissionRequest,
  Claim,
  Settlement,
  Store,
} from '../../src/limits/store.ts'
import { budget, claimed } from '../rig/limits.ts'
import { hasRedis } from '../rig/redis.ts'
import { type World, worlds } from '../rig/stores.ts'

const key: Account = { scope: 'key', name: 'k' }
const repetition = { same: 2, windowMs: 90_000 }

const small = fc.integer({ min: 0, max: 3 })
const entering = { guarded: fc.boolean(), probe: fc.boolean() }
const claiming = { tokens: fc.integer({ min: 1, max: 60 }), says: small }
const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant('admit' as const), ...entering }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('reserve' as const), ...claiming }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('both' as const), ...entering, ...claiming }) },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('settle' as const),
      which: fc.nat(5),
      actions: small,
      unsaid: fc.boolean(),
      calls: small,
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('renew' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('close' as const) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('look' as const) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('refund' as const), which: fc.nat(5) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('wait' as const),
      ms: fc.oneof(
        fc.integer({ min: 1, max: 3000 }),
        fc.integer({ min: 55_000, max: 125_000 }),
        fc.constant(7_200_000),
        // Into the next month, or not.
        fc.constant(13 * 86_400_000),
      ),
    }),
  },
)
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

/** @returns everything the store said */
async function answersOf(
  { store, advance }: World,
  prefix: string,
  script: readonly Step[],
): Promise<{ readonly answers: unknown[]; readonly looks: AccountUse[] }> {
  const looks: AccountUse[] = []
  const own: Account = { ...key, name: prefix }
  const role: Account = { scope: 'role', name: prefix }
  const all: Account = { scope: 'all', name: prefix }
  const token: Account = { scope: 'token', name: prefix }
  const breaker = { account: own, actionsPerMinute: 4 }
  const open: { lease: string; claim: Claim | undefined; trial: boolean }[] = []
  const admitted: { entry: AdmissionRequest; admission: Admission }[] = []
  const answers: unknown[] = []
  let count = 0
  const entryOf = (lease: string, probe: boolean, guarded: boolean): AdmissionRequest => ({
    lease,
    kind: probe ? 'probes' : 'requests',
    limits: [
      { account: own, limit: 5 },
      { account: role, limit: 6 },
      { account: all, limit: 6 },
      { account: token, limit: 30, perDay: true },
    ],
    breaker: guarded && !probe ? breaker : undefined,
  })
  const claimOf = (lease: string, tokens: number, says: number): Claim => ({
    lease,
    tokens,
    accounts: [
      claimed(own, { tokensPerMinute: 100, concurrent: 3 }),
      claimed(role, { tokensPerDay: 400 }),
      claimed({ scope: 'model', name: prefix }, { requestsPerMinute: 4, tokensPerMinute: 100 }),
      claimed(
        { scope: 'person', name: `${prefix} p${says}` },
        { requestsPerMinute: 3, tokensPerMinute: 80, tokensPerDay: 200, concurrent: 2 },
      ),
      claimed({ scope: 'group', name: prefix }, { tokensPerMonth: 300 }),
    ],
    repetition: { account: own, limit: repetition, things: [`p${says}`] },
  })
  const noteAdmission = (entry: AdmissionRequest, admission: Admission) => {
    // Each by its own clock.
    answers.push({ ...admission, atMs: undefined })
    if (admission.outcome === 'admitted') admitted.push({ entry, admission })
  }
  for (const each of script) {
    const lease = `${prefix}-${count++}`
    if (each.do === 'admit') {
      const entry = entryOf(lease, each.probe, each.guarded)
      const answer = await store.admit(entry, budget())
      noteAdmission(entry, answer)
      if (answer.outcome === 'admitted') open.push({ lease, claim: undefined, trial: answer.trial })
    } else if (each.do === 'both') {
      const entry = entryOf(lease, each.probe, each.guarded)
      const claim = claimOf(lease, each.tokens, each.says)
      const { admission, reservation } = await store.admitAndReserve(entry, claim, budget())
      noteAdmission(entry, admission)
      answers.push(reservation)
      const isGranted = reservation && 'outcome' in reservation && reservation.outcome === 'granted'
      if (admission.outcome === 'admitted')
        open.push({ lease, claim: isGranted ? claim : undefined, trial: admission.trial })
    } else if (each.do === 'refund') {
      const [one] = admitted.splice(each.which % Math.max(1, admitted.length), 1)
      if (one) await store.refund(one.entry, one.admission, budget())
    } else if (each.do === 'reserve') {
      const free = open.find(({ claim }) => claim === undefined)
      const claim = claimOf(free?.lease ?? lease, each.tokens, each.says)
      const answer = await store.reserve(claim, budget())
      answers.push(answer)
      if (answer.outcome !== 'granted') continue
      if (free) free.claim = claim
      else open.push({ lease, claim, trial: false })
    } else if (each.do === 'settle') {
      const [one] = open.splice(each.which % Math.max(1, open.length), 1)
      if (!one) continue
      const settlement: Settlement = {
        lease: one.lease,
        claim: one.claim,
        spent: Math.floor((one.claim?.tokens ?? 0) / 2),
        breaker,
        actions: each.actions,
        trial: one.trial ? (each.unsaid ? 'refused' : 'passed') : undefined,
        repetition:
          each.calls > 0 ? { account: own, limit: repetition, things: [`c${each.calls}`] } : undefined,
        unsaid: each.unsaid,
      }
      answers.push(await settled(store, settlement))
    } else if (each.do === 'renew')
      await store.renew(
        open.map(({ lease, claim, trial }) => ({ lease, claim, trial: trial ? own : undefined })),
      )
    else if (each.do === 'close') answers.push(await store.closeBreaker(own, budget()))
    else if (each.do === 'look') looks.push(await store.use(own, budget()), await store.use(role, budget()))
    else await advance(each.ms)
  }
  return { answers, looks }
}

/** What nobody waits for tells nothing in Redis. */
async function settled(store: Store, settlement: Settlement): Promise<unknown> {
  const answer = await store.settle(settlement, budget())
  return settlement.repetition || settlement.actions > 0 ? answer : undefined
}

describe('the stores', () => {
  it.skipIf(!hasRedis)('answer alike', { timeout: 60_000 }, async () => {
    const [memory, redis] = await Promise.all(worlds.map(([, , make]) => make()))
    let run = 0
    try {
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 60, size: 'max' }), async (script) => {
          const prefix = `run${run++}`
          if (!memory || !redis) throw new Error('there is a store missing')
          expect(await answersOf(redis, prefix, script)).toEqual(await answersOf(memory, prefix, script))
        }),
        { numRuns: 200 },
      )
    } finally {
      await memory?.close()
      await redis?.close()
    }
  })

  it('look at an account with commands that only read', () => {
    const script = readFileSync('src/limits/redis/lua/use.lua', 'utf8')
    const commands = Array.from(script.matchAll(/redis\.call\('(\w+)'/g), ([, name]) => name)
    expect(new Set(commands)).toEqual(new Set(['HMGET', 'ZRANGEBYSCORE']))
    const shared = script.matchAll(/\b(account_\w+|window_\w+|leases?_\w+|breaker_\w+)\(/g)
    expect(new Set(Array.from(shared, ([, name]) => name))).toEqual(new Set(['window_read', 'breaker_of']))
  })
})
