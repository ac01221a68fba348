/** Each kind of anomaly is told on a case of its own, and what is usual is not. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Anomaly, AnomalyDetector, type AnomalyKind } from '../../src/anomalies/detector.ts'
import type { Observation } from '../../src/anomalies/observation.ts'
import { readState, stateText } from '../../src/anomalies/state-file.ts'
import { Random } from '../simulate/anomalies/random.ts'
import { gramsLike } from '../simulate/anomalies/teams.ts'

const minuteMs = 60_000
const hourMs = 60 * minuteMs
const startMs = Date.UTC(2025, 0, 6)
const attackMs = startMs + 22 * 24 * hourMs + 10 * hourMs
const usualGrams = gramsLike(new Random(1), 1)
const oddGrams = gramsLike(new Random(2), 9)

/** One request an hour and a half a minute from eight to eighteen on weekdays, of one key and two models. */
function usual(random: Random, nowMs: number, over: Partial<Observation> = {}): Observation {
  const answerLength = Math.round(random.lognormal(1000, 0.5))
  return {
    atMs: nowMs,
    id: `r${nowMs}-${Math.floor(random.uniform() * 1e6)}`,
    key: 'team',
    model: 'llama',
    digest: 'sha256:1',
    outcome: random.chance(0.01) ? 'prompt_blocked' : 'answered',
    inputTokens: 200,
    outputTokens: Math.ceil(answerLength / 4),
    promptLength: Math.round(random.lognormal(800, 0.5)),
    answerLength,
    findings: random.chance(0.01) ? 1 : 0,
    tools: random.chance(0.1) ? ['search'] : [],
    firstTokenMs: random.lognormal(400, 0.3),
    network: `net${Math.floor(random.uniform() * 3)}`,
    answer: {
      refuses: random.chance(0.05),
      script: 'en',
      grams: usualGrams[Math.floor(random.uniform() * usualGrams.length)] ?? [],
    },
    ...over,
  }
}

const atWork = (nowMs: number) => {
  const day = Math.floor((nowMs - startMs) / hourMs / 24)
  const hour = (nowMs / hourMs) % 24
  return day % 7 < 5 && hour >= 8 && hour < 18
}

interface Run {
  readonly detector: AnomalyDetector
  readonly told: Anomaly[]
}

function run(
  state: unknown,
  [fromMs, untilMs]: readonly [number, number],
  minute: (nowMs: number) => Observation[],
): Run {
  const detector = new AnomalyDetector({ perWeek: 1, nowMs: fromMs, state })
  const told: Anomaly[] = []
  for (let nowMs = fromMs; nowMs < untilMs; nowMs += minuteMs) {
    for (const seen of minute(nowMs)) detector.observe(seen)
    told.push(...detector.tick(nowMs + minuteMs))
  }
  return { detector, told }
}

function traffic(seed: number, change: (random: Random, nowMs: number) => Partial<Observation> = () => ({})) {
  const random = new Random(seed)
  return (nowMs: number) =>
    atWork(nowMs) && random.chance(0.7) ? [usual(random, nowMs, change(random, nowMs))] : []
}

/** What is known after three weeks: made once. */
const learned = JSON.parse(JSON.stringify(run(undefined, [startMs, attackMs], traffic(1)).detector.state()))

function attacked(hours: number, minute: (nowMs: number) => Observation[]): readonly Anomaly[] {
  return run(learned, [attackMs, attackMs + hours * hourMs], minute).told.filter(
    ({ state }) => state === 'open',
  )
}

const many = (count: number, over: (random: Random) => Partial<Observation>) => {
  const random = new Random(3)
  const calm = traffic(4)
  return (nowMs: number) => [
    ...calm(nowMs),
    ...Array.from({ length: count }, () => usual(random, nowMs, over(random))),
  ]
}

describe('the detector', () => {
  it('says what it still has to learn, and tells nothing meanwhile', () => {
    const { detector, told } = run(undefined, [startMs, startMs + 50 * hourMs], traffic(9))
    expect(told).toEqual([])
    expect(detector.learning()).toContainEqual({
      subject: { kind: 'key', id: 'team' },
      hours: 42,
      requests: expect.any(Number),
      untilHours: 168,
      untilRequests: 200,
    })
    expect(new AnomalyDetector({ perWeek: 1, nowMs: attackMs, state: learned }).startedAnew).toBe(false)
  })

  it('tells nothing of another usual week', () => {
    expect(run(learned, [attackMs, attackMs + 168 * hourMs], traffic(2)).told).toEqual([])
  })

  const cases: readonly (readonly [AnomalyKind, number, (nowMs: number) => Observation[]])[] = [
    ['request-rate', 2, many(60, () => ({ outputTokens: 0, inputTokens: 0 }))],
    ['token-rate', 2, traffic(5, () => ({ inputTokens: 400_000 }))],
    ['prompt-length', 8, traffic(5, (random) => ({ promptLength: Math.round(random.lognormal(5000, 0.5)) }))],
    ['answer-length', 8, traffic(5, (random) => ({ answerLength: Math.round(random.lognormal(4000, 0.5)) }))],
    ['refusals', 8, traffic(5, (random) => (random.chance(0.5) ? { outcome: 'prompt_blocked' } : {}))],
    [
      'model-refusals',
      8,
      traffic(5, (random) => ({
        answer: { refuses: random.chance(0.6), script: 'en', grams: usualGrams[0] ?? [] },
      })),
    ],
    ['tool-share', 8, traffic(5, () => ({ outcome: 'answered', tools: ['search'] }))],
    ['new-tool', 2, traffic(5, () => ({ tools: ['run_shell'] }))],
    ['findings', 8, traffic(5, () => ({ findings: 2 }))],
    ['first-token', 8, traffic(5, (random) => ({ firstTokenMs: random.lognormal(3000, 0.3) }))],
    [
      'language',
      8,
      traffic(5, (random) => ({
        outcome: 'answered',
        answer: { refuses: random.chance(0.05), script: 'Cyrl', grams: usualGrams[0] ?? [] },
      })),
    ],
    [
      'new-network',
      18,
      (nowMs) => (nowMs === attackMs + 17 * hourMs ? [usual(new Random(1), nowMs, { network: 'far' })] : []),
    ],
    [
      'answer-shape',
      8,
      traffic(5, (random) => ({
        outcome: 'answered',
        answer: {
          refuses: random.chance(0.05),
          script: 'en',
          grams: oddGrams[Math.floor(random.uniform() * 150)] ?? [],
        },
      })),
    ],
  ]
  it.each(cases)('tells %s, once, and not another kind', (kind, hours, minute) => {
    const told = attacked(hours, minute)
    expect(told.map((anomaly) => anomaly.kind)).toEqual([kind])
    expect(told[0]?.score).toBeGreaterThanOrEqual(1)
    expect(told[0]?.records.length).toBeGreaterThan(0)
    expect(told[0]?.records.length).toBeLessThanOrEqual(8)
  })

  it('ends an anomaly that is not seen for a day, and lists it as over', () => {
    const { detector, told } = run(learned, [attackMs, attackMs + 40 * hourMs], (nowMs) =>
      nowMs < attackMs + hourMs ? many(60, () => ({}))(nowMs) : [],
    )
    expect(told.map(({ state }) => state)).toEqual(['open', 'over'])
    expect(detector.list().map(({ state }) => state)).toEqual(['over'])
  })

  it('learns another digest of a model from the beginning', () => {
    const { detector } = run(
      learned,
      [attackMs, attackMs + 2 * hourMs],
      traffic(5, () => ({ digest: 'sha256:2' })),
    )
    expect(detector.learning().map(({ subject }) => subject)).toContainEqual({ kind: 'model', id: 'llama' })
  })

  it('ignores requests without a key', () => {
    const { detector } = run(
      undefined,
      [startMs, startMs + 9 * hourMs],
      traffic(1, () => ({ key: null })),
    )
    expect(detector.learning()).toEqual([])
  })
})

describe('the state', () => {
  it('continues as if there had been no restart, and is bounded', () => {
    const minute = () => traffic(6, (random) => ({ promptLength: Math.round(random.lognormal(3000, 0.5)) }))
    const middle = attackMs + 90 * minuteMs
    const whole = run(learned, [attackMs, attackMs + 6 * hourMs], minute())
    const continued = minute()
    const first = run(learned, [attackMs, middle], continued)
    const saved = JSON.parse(JSON.stringify(first.detector.state()))
    const second = run(saved, [middle, attackMs + 6 * hourMs], continued)
    expect([...first.told, ...second.told]).toEqual(whole.told)
    expect(whole.told.length).toBeGreaterThan(0)
    expect(JSON.stringify(second.detector.state())).toBe(JSON.stringify(whole.detector.state()))
    expect(JSON.stringify(saved).length).toBeLessThan(30_000)
  })

  it('is written to a file in parts that read as the whole', async () => {
    const detector = new AnomalyDetector({ perWeek: 1, nowMs: attackMs, state: learned })
    const fields = { savedMs: 5, salt: 'a'.repeat(32), position: '1-2', recent: ['r-1'] }
    const read = readState(await stateText(fields, detector.stateParts()))
    expect(read).toEqual({ ...fields, detector: JSON.parse(JSON.stringify(detector.state())) })
    const empty = new AnomalyDetector({ perWeek: 1, nowMs: attackMs })
    expect(readState(await stateText(fields, empty.stateParts()))?.detector).toMatchObject({ subjects: [] })
  })

  it('is refused if it is not one, and everything starts anew', () => {
    const broken = [
      null,
      7,
      {},
      { version: 2 },
      { ...learned, subjects: [['key x', { charts: 1 }]] },
      { ...learned, limits: ['1'] },
    ]
    for (const state of broken) {
      const detector = new AnomalyDetector({ perWeek: 1, nowMs: attackMs, state })
      expect(detector.startedAnew).toBe(true)
      expect(detector.list()).toEqual([])
    }
  })

  it('does not depend on the order of observations within a minute', () => {
    const random = new Random(8)
    const seen = Array.from({ length: 12 }, () =>
      usual(random, attackMs, { network: random.pick(['a', 'b', 'c']), tools: [random.pick(['x', 'y'])] }),
    )
    const after = (order: readonly Observation[]) => {
      const { detector } = run(learned, [attackMs, attackMs + 30 * minuteMs], (nowMs) =>
        nowMs === attackMs
          ? [...order]
          : nowMs === attackMs + 20 * minuteMs
            ? [usual(new Random(9), nowMs)]
            : [],
      )
      const sorted = JSON.stringify(detector.state(), (key, value) =>
        key === 'ids' || key === 'records'
          ? undefined
          : key === 'open' || key === 'fresh' || key === 'known' || key === 'closed'
            ? [...value].sort()
            : value,
      )
      return sorted
    }
    const expected = after(seen)
    fc.assert(
      fc.property(fc.shuffledSubarray(seen, { minLength: seen.length }), (order) => {
        expect(after(order)).toBe(expected)
      }),
      { numRuns: 10 },
    )
  })
})
