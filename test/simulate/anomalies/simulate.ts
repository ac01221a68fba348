/** A simulated year of teams without attacks, and attacks on teams whose baselines are known. */
import { type Anomaly, AnomalyDetector } from '../../../src/anomalies/detector.ts'
import { type Attack, attacks } from './attacks.ts'
import { Random } from './random.ts'
import { dayMs, gramsLike, minuteMs, startMs, Team, type TeamKind } from './teams.ts'

export const tunedKinds: readonly TeamKind[] = ['office', 'batch', 'launch']
export const heldOutKinds: readonly TeamKind[] = ['shifts', 'builds', 'office']

/** What came of a year. */
export interface Year {
  readonly weeks: number
  readonly requests: number
  readonly alarms: readonly Anomaly[]
}

/** Runs teams side by side without an attack. */
export function runYear(kinds: readonly TeamKind[], seed: number, days = 365, perWeek = 1): Year {
  const teams = kinds.map((kind) => new Team(kind, seed))
  const detector = new AnomalyDetector({ perWeek, nowMs: startMs })
  const alarms: Anomaly[] = []
  let requests = 0
  for (let nowMs = startMs; nowMs < startMs + days * dayMs; nowMs += minuteMs) {
    for (const team of teams)
      for (const seen of team.minute(nowMs)) {
        detector.observe(seen)
        requests++
      }
    for (const anomaly of detector.tick(nowMs + minuteMs)) if (anomaly.state === 'open') alarms.push(anomaly)
  }
  return { weeks: days / 7, requests, alarms }
}

/** Whether an attack was found, and after how many minutes. */
export interface Found {
  readonly attack: Attack
  readonly minutes: number | undefined
  readonly kind: string | undefined
}

const baselineDays = 57

/** Lets every attack happen to the first of some teams, each from the same eight weeks on. */
export function runAttacks(kinds: readonly TeamKind[], seed: number): Found[] {
  return attacks.map((attack) => runAttack(attack, kinds, seed))
}

const baselines = new Map<string, unknown>()

function runAttack(attack: Attack, kinds: readonly TeamKind[], seed: number): Found {
  const teams = kinds.map((kind) => new Team(kind, seed))
  const beginMs = startMs + baselineDays * dayMs
  const detector = baselineOf(teams, `${kinds.join()}-${seed}`, beginMs)
  const victim = teams[0]
  if (victim === undefined) throw new Error('no team')
  const random = new Random(seed + 7919)
  const odd = gramsLike(random, 9)
  const attackMs = beginMs + attack.fromHour * 3_600_000
  for (let nowMs = beginMs; nowMs < attackMs + attack.days * dayMs; nowMs += minuteMs) {
    for (const team of teams) {
      const usual = team.minute(nowMs)
      const isAttacked = team === victim && nowMs >= attackMs
      const world = { team, random, nowMs, day: (nowMs - attackMs) / dayMs, odd }
      for (const seen of isAttacked ? attack.minute(usual, world) : usual) detector.observe(seen)
    }
    for (const { state, subject, kind } of detector.tick(nowMs + minuteMs)) {
      const isIt = state === 'open' && nowMs >= attackMs && attack.kinds.includes(kind)
      if (isIt && (subject.id === victim.key || subject.id === victim.model))
        return { attack, minutes: (nowMs + minuteMs - attackMs) / minuteMs, kind }
    }
  }
  return { attack, minutes: undefined, kind: undefined }
}

/** The detector after eight weeks. Its state is kept, so that the weeks are simulated once for all attacks. */
function baselineOf(teams: readonly Team[], name: string, untilMs: number): AnomalyDetector {
  const known = baselines.get(name)
  const detector = new AnomalyDetector({
    perWeek: 1,
    nowMs: known === undefined ? startMs : untilMs,
    state: known,
  })
  if (known !== undefined) return detector
  for (let nowMs = startMs; nowMs < untilMs; nowMs += minuteMs) {
    for (const team of teams) for (const seen of team.minute(nowMs)) detector.observe(seen)
    detector.tick(nowMs + minuteMs)
  }
  baselines.clear()
  baselines.set(name, JSON.parse(JSON.stringify(detector.state())))
  return detector
}
