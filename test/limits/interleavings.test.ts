/**
 * Any interleaving of admissions, reservations, settlements, gates that die and clocks that jump, against a slow
 * model of what must hold: never more than the limit in any window, no slot lost for longer than its lease.
 */
import fc from 'fast-check'
import { describe, it } from 'vitest'
import { Refusal } from '../../src/core/refusal.ts'
import {
  type Account,
  type Admission,
  type Claim,
  leaseMs,
  type Reservation,
} from '../../src/limits/store.ts'
import { budget, claim, entry, settlement } from '../rig/limits.ts'
import { type World, worlds } from '../rig/stores.ts'

const perMinute = 5
const tokensPerMinute = 100
const slots = 3
const minute = 60_000
const renewEveryMs = 20_000
const minuteAndStep = 61_000

type Step =
  | { readonly do: 'admit' }
  | { readonly do: 'reserve'; readonly tokens: number }
  | { readonly do: 'both'; readonly tokens: number }
  | { readonly do: 'settle'; readonly which: number; readonly share: number; readonly twice: boolean }
  | { readonly do: 'die'; readonly which: number }
  | { readonly do: 'wait'; readonly ms: number }
  | { readonly do: 'jump'; readonly ms: number }

const steps = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.constant<Step>({ do: 'admit' }) },
    {
      weight: 4,
      arbitrary: fc.record({ do: fc.constant('reserve'), tokens: fc.integer({ min: 20, max: 60 }) }),
    },
    {
      weight: 3,
      arbitrary: fc.record({ do: fc.constant('both'), tokens: fc.integer({ min: 20, max: 60 }) }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        do: fc.constant('settle'),
        which: fc.nat(9),
        share: fc.constantFrom(1, 1, 1, 0.5, 0),
        twice: fc.boolean(),
      }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('die'), which: fc.nat(9) }) },
    {
      weight: 4,
      arbitrary: fc.record({
        do: fc.constant('wait'),
        ms: fc.oneof(fc.integer({ min: 1, max: 5000 }), fc.integer({ min: 58_500, max: 61_500 })),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        do: fc.constant('jump'),
        ms: fc.oneof(
          fc.integer({ min: -90_000, max: 90_000 }),
          fc.integer({ min: -7_200_000, max: 7_200_000 }),
        ),
      }),
    },
  ),
  { minLength: 20, maxLength: 80, size: 'max' },
)

interface Event {
  /** When it happened. */
  readonly at: number
  /** When it may be taken to have happened: a clock that went back is noticed when the store next looks, if at all. */
  latest: number
  readonly tokens: number
}

/** What happened, by the time that passed: a clock that goes back makes none. */
class Model {
  now = 0
  readonly admitted: Event[] = []
  readonly spent: Event[] = []
  live: Claim[] = []
  readonly dead: Event[] = []

  event(tokens: number): Event {
    return { at: this.now, latest: this.now, tokens }
  }

  move(ms: number): void {
    this.now += Math.max(0, ms)
    if (ms < 0)
      for (const each of [...this.admitted, ...this.spent, ...this.dead])
        each.latest = Math.max(each.latest, this.now) - ms
  }

  /** What must count. */
  least(events: readonly Event[]): number {
    return total(events.filter(({ at }) => at > this.now - minute))
  }

  /** What may count: a place is free at most one step late. */
  max(events: readonly Event[], ms = minuteAndStep): number {
    return total(events.filter(({ latest }) => latest > this.now - ms))
  }

  reserved(): number {
    return this.live.reduce((sum, { tokens }) => sum + tokens, 0)
  }
}

function total(events: readonly Event[]): number {
  return events.reduce((sum, { tokens }) => sum + tokens, 0)
}

async function play(
  { store, second, advance }: World,
  account: Account,
  script: readonly Step[],
  back: boolean,
) {
  const model = new Model()
  let count = 0
  const turn = () => (count++ % 2 ? store : second)
  const limits = { tokensPerMinute, concurrent: slots }
  const must = (holds: boolean, what: string) => {
    if (!holds) throw new Error(what)
  }
  const move = async (ms: number): Promise<void> => {
    // A gateway renews what it holds more often than it runs out.
    if (ms > renewEveryMs && ms <= minuteAndStep * 2) {
      await move(renewEveryMs)
      return move(ms - renewEveryMs)
    }
    await advance(ms)
    model.move(ms)
    await store.renew(model.live.map((claim) => ({ lease: claim.lease, claim, trial: undefined })))
  }
  const judgeAdmission = (outcome: Admission['outcome']) => {
    if (outcome === 'admitted') model.admitted.push(model.event(1))
    else must(model.max(model.admitted) >= perMinute, 'a request was refused without need')
    must(model.least(model.admitted) <= perMinute, 'too many requests in a minute')
  }
  const judgeReservation = (wanted: Claim, outcome: Reservation['outcome']) => {
    if (outcome === 'granted') model.live.push(wanted)
    if (outcome === 'concurrent')
      must(
        model.live.length + model.dead.filter(({ latest }) => latest > model.now - leaseMs - 1).length >=
          slots,
        'a slot is lost',
      )
    if (outcome === 'tokens')
      must(
        model.max(model.spent) + model.reserved() + model.max(model.dead, leaseMs + 1) + wanted.tokens >
          tokensPerMinute,
        'tokens are lost',
      )
    must(model.live.length <= slots, 'too many at once')
    must(model.least(model.spent) + model.reserved() <= tokensPerMinute, 'too many tokens in a minute')
  }
  for (const step of script) {
    if (step.do === 'admit') {
      judgeAdmission((await turn().admit(entry(account, perMinute), budget())).outcome)
    } else if (step.do === 'reserve') {
      const wanted = claim(account, limits, { tokens: step.tokens })
      judgeReservation(wanted, (await turn().reserve(wanted, budget())).outcome)
    } else if (step.do === 'both') {
      const wanted = claim(account, limits, { tokens: step.tokens })
      const both = await turn().admitAndReserve(entry(account, perMinute), wanted, budget())
      judgeAdmission(both.admission.outcome)
      must((both.admission.outcome === 'admitted') === (both.reservation !== undefined), 'no answer')
      if (both.reservation instanceof Refusal) throw both.reservation
      // What was not admitted has reserved nothing, or the next reservations find less than there must be.
      if (both.reservation) judgeReservation(wanted, both.reservation.outcome)
    } else if (step.do === 'settle') {
      const [one] = model.live.splice(step.which, 1)
      if (!one) continue
      const spent = Math.floor(one.tokens * step.share)
      for (let times = step.twice ? 2 : 1; times > 0; times--)
        await turn().settle(settlement(one, { spent }), budget())
      model.spent.push(model.event(spent))
    } else if (step.do === 'die') {
      const [one] = model.live.splice(step.which, 1)
      if (one) model.dead.push(model.event(one.tokens))
    } else await move(step.do === 'jump' && !back ? Math.abs(step.ms) : step.ms)
  }
}

describe.each(worlds)('the %s store', (kind, available, make) => {
  it.skipIf(!available)(
    'keeps its limits whatever happens in whatever order',
    { timeout: 60_000 },
    async () => {
      const world = await make()
      let run = 0
      try {
        await fc.assert(
          // The memory store counts by a clock that never goes back.
          fc.asyncProperty(steps, (script) =>
            play(world, { scope: 'key', name: `run${run++}` }, script, kind === 'redis'),
          ),
          { numRuns: kind === 'redis' ? 200 : 1000 },
        )
      } finally {
        await world.close()
      }
    },
  )
})
