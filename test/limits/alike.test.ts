/** Memory and Redis answer alike, to the millisecond, whatever they are asked in whatever order. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type {
  Account,
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
const step = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constant('admit' as const), guarded: fc.boolean(), probe: fc.boolean() }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('reserve' as const),
      tokens: fc.integer({ min: 1, max: 60 }),
      says: small,
    }),
  },
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
  { weight: 3, arbitrary: fc.record({ do: fc.constant('refund' as const), which: fc.nat(5) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('wait' as const),
      ms: fc.oneof(
        fc.integer({ min: 1, max: 3000 }),
        fc.integer({ min: 55_000, max: 125_000 }),
        fc.constant(7_200_000),
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
): Promise<unknown[]> {
  const own: Account = { ...key, name: prefix }
  const role: Account = { scope: 'role', name: prefix }
  const all: Account = { scope: 'all', name: prefix }
  const token: Account = { scope: 'token', name: prefix }
  const breaker = { account: own, actionsPerMinute: 4 }
  const open: { lease: string; claim: Claim | undefined; trial: boolean }[] = []
  const admitted: { entry: AdmissionRequest; admission: Admission }[] = []
  const answers: unknown[] = []
  let count = 0
  for (const each of script) {
    const lease = `${prefix}-${count++}`
    if (each.do === 'admit') {
      const entry: AdmissionRequest = {
        lease,
        kind: each.probe ? 'probes' : 'requests',
        limits: [
          { account: own, limit: 5 },
          { account: role, limit: 6 },
          { account: all, limit: 6 },
          { account: token, limit: 30, perDay: true },
        ],
        breaker: each.guarded && !each.probe ? breaker : undefined,
      }
      const answer = await store.admit(entry, budget())
      // Each by its own clock.
      answers.push({ ...answer, atMs: undefined })
      if (answer.outcome !== 'admitted') continue
      open.push({ lease, claim: undefined, trial: answer.trial })
      admitted.push({ entry, admission: answer })
    } else if (each.do === 'refund') {
      const [one] = admitted.splice(each.which % Math.max(1, admitted.length), 1)
      if (one) await store.refund(one.entry, one.admission, budget())
    } else if (each.do === 'reserve') {
      const free = open.find(({ claim }) => claim === undefined)
      const claim: Claim = {
        lease: free?.lease ?? lease,
        tokens: each.tokens,
        accounts: [
          claimed(own, { tokensPerMinute: 100, concurrent: 3 }),
          claimed(role, { tokensPerDay: 400 }),
          claimed({ scope: 'model', name: prefix }, { requestsPerMinute: 4, tokensPerMinute: 100 }),
        ],
        repetition: { account: own, limit: repetition, things: [`p${each.says}`] },
      }
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
    else await advance(each.ms)
  }
  return answers
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
})
