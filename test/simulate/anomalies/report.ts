/** `npm run simulate -- anomalies`: false alarms of simulated years and attacks that are found, as lines to print. */
import { attacks } from './attacks.ts'
import { poissonInterval } from './poisson-interval.ts'
import { type Found, heldOutKinds, runAttacks, runYear, tunedKinds } from './simulate.ts'
import type { TeamKind } from './teams.ts'

interface Part {
  readonly name: string
  readonly kinds: readonly TeamKind[]
  readonly seeds: readonly number[]
}

/** Seeds that the limits were tuned on, and those that were looked at once, afterwards. */
function partsOf(runs: number): readonly Part[] {
  const seeds = (from: number, count: number) => Array.from({ length: count }, (_, at) => from + at)
  const kept = Math.ceil(runs / 2)
  return [
    { name: 'seen while tuning', kinds: tunedKinds, seeds: seeds(1, runs) },
    { name: 'kept from tuning: other seeds', kinds: tunedKinds, seeds: seeds(3001, kept) },
    { name: 'kept from tuning: other teams and seeds', kinds: heldOutKinds, seeds: seeds(4001, kept) },
  ]
}

/** Runs everything. @param runs years of the first part; of the others half as many each. Attacks happen twice as often. */
export function* simulateAnomalies(runs: number): Generator<string> {
  for (const part of partsOf(runs)) {
    yield `${part.name} (${part.kinds.join(', ')})`
    yield* falseAlarms(part)
    yield* foundAttacks({ ...part, seeds: [...part.seeds, ...part.seeds.map((seed) => seed + 500)] })
  }
}

function* falseAlarms({ kinds, seeds }: Part): Generator<string> {
  const years = seeds.map((seed) => runYear(kinds, seed))
  const alarms = years.flatMap((year) => year.alarms)
  const weeks = years.reduce((sum, year) => sum + year.weeks, 0)
  const requests = years.reduce((sum, year) => sum + year.requests, 0)
  const [low, high] = poissonInterval(alarms.length)
  const rates = [alarms.length, low, high].map((count) => (count / weeks).toFixed(3))
  yield `  budget 1 a week; false alarms a week ${rates[0]} (95 %: ${rates[1]} to ${rates[2]}); ${alarms.length} in ${seeds.length} years, ${requests} requests`
  const byKind = new Map<string, number>()
  for (const { kind, subject } of alarms)
    byKind.set(`${subject.kind} ${kind}`, (byKind.get(`${subject.kind} ${kind}`) ?? 0) + 1)
  const most = [...byKind].sort(([, a], [, b]) => b - a).map(([kind, count]) => `${kind} ${count}`)
  yield `  of these ${most.join(', ')}`
}

function* foundAttacks({ kinds, seeds }: Part): Generator<string> {
  // Every kind of team is the victim by turns.
  const turned = kinds.map((_, at) => [...kinds.slice(at), ...kinds.slice(0, at)])
  const found = seeds.flatMap((seed, at) => runAttacks(turned[at % turned.length] ?? kinds, seed))
  for (const attack of attacks) {
    const tried = found.filter((each) => each.attack === attack)
    const hits = tried.filter(({ minutes }) => minutes !== undefined)
    yield `  ${attack.name}: found ${hits.length} of ${tried.length}, median delay ${delay(hits)}`
  }
}

function delay(hits: readonly Found[]): string {
  const sorted = hits.flatMap(({ minutes }) => minutes ?? []).sort((a, b) => a - b)
  const median = sorted[Math.floor((sorted.length - 1) / 2)]
  if (median === undefined) return '–'
  if (median < 120) return `${median} min`
  return median < 2880 ? `${(median / 60).toFixed(1)} h` : `${(median / 1440).toFixed(1)} days`
}
