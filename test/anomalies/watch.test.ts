/** The watch for anomalies: what it keeps, what it tells, and what it leaves to others. */
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import type { Anomaly } from '../../src/anomalies/anomaly.ts'
import type { Observation } from '../../src/anomalies/observation.ts'
import { type SharedObservations, shareObservations } from '../../src/anomalies/shared-observations.ts'
import { readStateFile } from '../../src/anomalies/state-file.ts'
import { AnomalyWatch, type LearningChange } from '../../src/anomalies/watch.ts'
import type { AnomalySettings } from '../../src/policy/notifications.ts'
import { createRedisClient } from '../../src/redis/client.ts'
import { minute, observationAt, trainedState } from '../rig/anomalies.ts'
import { stillClock } from '../rig/clock.ts'
import { hasRedis, type RedisServer, startRedis } from '../rig/redis.ts'
import { serversAt } from '../rig/stores.ts'
import { until } from '../rig/wait.ts'

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

const startMs = Date.UTC(2026, 10, 2, 10)

interface Made {
  readonly folder?: string
  readonly shared?: SharedObservations
  readonly clock?: ReturnType<typeof stillClock>
  readonly mode?: AnomalySettings['mode']
  readonly state?: string
  readonly replay?: (sinceMs: number) => AsyncIterable<Observation>
}

async function* nothing(): AsyncGenerator<Observation> {}

function watchFor(made: Made = {}) {
  const folder = made.folder ?? mkdtempSync(join(tmpdir(), 'torwart-watch-'))
  const file = join(folder, 'audit.jsonl.anomalies')
  if (made.state !== undefined) writeFileSync(file, made.state)
  const clock = made.clock ?? stillClock(startMs)
  const told: Anomaly[] = []
  const learning: LearningChange[] = []
  const problems: string[] = []
  const counts = { open: -1, dropped: 0, unshared: 0 }
  const settings: AnomalySettings = {
    mode: made.mode ?? 'alert',
    perWeek: 1,
    webhook: undefined,
    freezeForMs: 3_600_000,
  }
  const watch = new AnomalyWatch({
    settings: () => settings,
    file,
    shared: made.shared,
    clock,
    everyMs: 5,
    saveMs: minute,
    replay: made.replay ?? nothing,
    onChange: (anomaly) => void told.push(anomaly),
    onLearning: (change) => void learning.push(change),
    onOpen: (count) => {
      counts.open = count
    },
    onDropped: (count) => {
      counts.dropped += count
    },
    onUnshared: () => {
      counts.unshared++
    },
    report: (problem) => void problems.push(problem),
  })
  watch.start()
  closers.push(() => rmSync(folder, { recursive: true, force: true }))
  closers.push(() => watch.close())
  return { watch, file, folder, clock, told, learning, problems, counts }
}

const seen = (watch: AnomalyWatch, key: string) =>
  watch.learning().find(({ subject }) => subject.kind === 'key' && subject.id === key)?.requests ?? 0

/** A loop: five hundred requests in a few minutes, and the time that it takes to look at them. */
async function loop(key: string, { watch, clock }: ReturnType<typeof watchFor>, done: () => boolean) {
  for (let at = 0; at < 500; at++) watch.put(observationAt(clock.wallMs(), key))
  await until(() => {
    clock.advance(minute / 4)
    return done()
  })
}

describe('the watch', () => {
  it('tells when an anomaly begins and when it is over, each once', async () => {
    const made = watchFor({ state: await trainedState(['looping', 'calm'], startMs) })
    await loop('looping', made, () => made.told.length > 0)
    const [begun] = made.told
    expect(begun).toMatchObject({ state: 'open', subject: { kind: 'key', id: 'looping' } })
    await until(() => made.counts.open > 0)
    expect(made.watch.list()).toContainEqual(begun)
    await until(() => {
      made.clock.advance(10 * minute)
      return made.told.some(({ id, state }) => id === begun?.id && state === 'over')
    })
    expect(made.told.filter(({ id, state }) => id === begun?.id && state === 'over')).toHaveLength(1)
    expect(made.told.filter(({ id, state }) => id === begun?.id && state === 'open')).toHaveLength(1)
    expect(made.told.some(({ subject }) => subject.id === 'calm')).toBe(false)
  })

  it('keeps what it has learned over a restart, for the eyes of its user alone and without addresses', async () => {
    const { watch, clock, folder, file, learning } = watchFor()
    for (let at = 0; at < 20; at++)
      watch.put(observationAt(clock.wallMs(), 'key1', { network: '10.1.2.0/24' }))
    await until(() => seen(watch, 'key1') === 20)
    await until(() => learning.length > 0)
    expect(learning[0]?.begun).toContainEqual({ kind: 'key', id: 'key1' })
    await watch.close()
    expect(statSync(file).mode & 0o777).toBe(0o600)
    expect(readFileSync(file, 'utf8')).not.toContain('10.1.2')
    expect(seen(watchFor({ folder, clock }).watch, 'key1')).toBe(20)
  })

  it('saves once a minute, so that a crash loses no more', async () => {
    const { watch, clock, file } = watchFor()
    watch.put(observationAt(clock.wallMs(), 'key1'))
    await until(() => seen(watch, 'key1') === 1)
    clock.advance(2 * minute)
    expect((await until(() => readStateFile(file))).savedMs).toBe(clock.wallMs())
  })

  it('reads after a crash what the log has since, and counts nothing twice', async () => {
    const first = watchFor()
    const last = observationAt(first.clock.wallMs(), 'key1')
    first.watch.put(last)
    await until(() => seen(first.watch, 'key1') === 1)
    first.clock.advance(2 * minute)
    const { savedMs } = await until(() => readStateFile(first.file))
    const asked: number[] = []
    const second = watchFor({
      state: readFileSync(first.file, 'utf8'),
      clock: first.clock,
      async *replay(sinceMs) {
        asked.push(sinceMs)
        yield last
        yield observationAt(savedMs + 1, 'key1')
        yield observationAt(savedMs + 2, 'key1')
      },
    })
    await until(() => seen(second.watch, 'key1') === 3)
    expect(asked).toEqual([savedMs - 10_000])
  })

  it('starts anew where the file is none, and says so', () => {
    const { watch, problems } = watchFor({ state: '{"version":1,"savedMs":"yesterday"}' })
    expect(watch.learning()).toEqual([])
    expect(problems).toEqual(['what was learned about anomalies cannot be read; it is learned anew'])
  })

  it('goes on when its state cannot be written, and says so once', async () => {
    const { watch, clock, folder, problems } = watchFor()
    rmSync(folder, { recursive: true })
    watch.put(observationAt(clock.wallMs(), 'key1'))
    await until(() => {
      clock.advance(2 * minute)
      return problems.length > 0
    })
    watch.put(observationAt(clock.wallMs(), 'key1'))
    await until(() => seen(watch, 'key1') === 2)
    expect(problems).toEqual(['the watch for anomalies failed; it goes on'])
  })

  it('sees nothing while it is off', async () => {
    const { watch, clock, counts, file } = watchFor({ mode: 'off' })
    watch.put(observationAt(clock.wallMs(), 'key1'))
    await until(() => counts.open === 0)
    expect(watch.learning()).toEqual([])
    await watch.close()
    expect(readStateFile(file)).toBeUndefined()
  })

  it('drops what comes faster than it can look, and counts it', async () => {
    const { watch, clock, counts } = watchFor()
    for (let at = 0; at < 20_500; at++) watch.put(observationAt(clock.wallMs(), 'key1'))
    await until(() => counts.dropped === 500)
    await until(() => seen(watch, 'key1') === 20_000)
  })

  it('does not believe the clock of another gateway that is ahead', async () => {
    const { watch, clock, told } = watchFor({ state: await trainedState(['key1', 'calm'], startMs) })
    watch.put(observationAt(clock.wallMs() + 365 * 24 * 60 * minute, 'key1'))
    watch.put(observationAt(clock.wallMs(), 'key2'))
    await until(() => seen(watch, 'key2') === 1)
    expect(told).toEqual([])
  })
})

describe.skipIf(!hasRedis)('several gateways on one Redis', () => {
  let server: RedisServer

  async function gateway(made: Made = {}) {
    const client = createRedisClient(serversAt(server.url), 1000)
    await client.opened(5000)
    closers.push(() => client.close())
    return watchFor({ ...made, shared: shareObservations(client) })
  }

  it('learn from the requests of all, and one of them tells', async () => {
    server = await startRedis()
    closers.push(() => server.stop())
    const clock = stillClock(startMs)
    const state = await trainedState(['looping', 'calm'], startMs)
    const [first, second] = [await gateway({ clock, state }), await gateway({ clock, state })]
    for (let at = 0; at < 100; at++) (at % 3 === 0 ? first : second).watch.put(observationAt(startMs, 'key1'))
    await until(() => seen(first.watch, 'key1') === 100 && seen(second.watch, 'key1') === 100)
    // Half of a loop through each, which neither would notice.
    for (let at = 0; at < 500; at++) {
      first.watch.put(observationAt(startMs, 'looping'))
      second.watch.put(observationAt(startMs, 'looping'))
    }
    await until(() => {
      clock.advance(minute / 4)
      return first.watch.list().length > 0 && second.watch.list().length > 0
    })
    const told = [...first.told, ...second.told].filter(({ state: each }) => each === 'open')
    expect(new Set(told.map(({ kind }) => kind)).size).toBe(told.length)
    expect(first.watch.list().map(({ kind }) => kind)).toEqual(second.watch.list().map(({ kind }) => kind))
  })

  it('share what they have learned with one that joins, and keep no address in Redis', async () => {
    server = await startRedis()
    closers.push(() => server.stop())
    const clock = stillClock(startMs)
    const first = await gateway({ clock })
    first.watch.put(observationAt(startMs, 'key1', { network: '10.1.2.0/24' }))
    await until(() => seen(first.watch, 'key1') === 1)
    await until(async () => {
      clock.advance(minute)
      return (await gatewayState()) !== null
    })
    const second = await gateway({ clock })
    await until(() => seen(second.watch, 'key1') === 1)
    expect(await everything()).not.toContain('10.1.2')
  })

  it('look at their own requests while Redis is away, and say so once', async () => {
    server = await startRedis()
    const { watch, clock, counts } = await gateway()
    watch.put(observationAt(clock.wallMs(), 'key1'))
    await until(() => seen(watch, 'key1') === 1)
    await server.stop()
    watch.put(observationAt(clock.wallMs(), 'key1'))
    await until(() => seen(watch, 'key1') === 2)
    watch.put(observationAt(clock.wallMs(), 'key1'))
    await until(() => seen(watch, 'key1') === 3)
    expect(counts.unshared).toBe(1)
  })

  it('ignore what is no observation', async () => {
    server = await startRedis()
    closers.push(() => server.stop())
    const { watch, problems } = await gateway()
    const { Redis } = await import('ioredis')
    const direct = new Redis(server.url)
    closers.push(() => direct.disconnect())
    const good = observationAt(startMs, 'key1')
    for (const batch of [
      '',
      '{}',
      '[1,null,"x"]',
      '[{"key":"key1"}]',
      `[${JSON.stringify({ ...good, atMs: 'now' })}]`,
    ])
      await direct.xadd('{test}:anomalies', '*', 'o', batch)
    await direct.xadd(
      '{test}:anomalies',
      '*',
      'o',
      JSON.stringify([{ ...good, tools: Array(99).fill('x') }, good]),
    )
    await until(() => seen(watch, 'key1') === 1)
    expect(problems).toEqual([])
  })

  async function gatewayState() {
    const { Redis } = await import('ioredis')
    const direct = new Redis(server.url)
    const state = await direct.getBuffer('{test}:anomalies:state')
    direct.disconnect()
    return state
  }

  async function everything(): Promise<string> {
    const { gunzipSync } = await import('node:zlib')
    const { Redis } = await import('ioredis')
    const direct = new Redis(server.url)
    const entries = await direct.xrange('{test}:anomalies', '-', '+')
    const state = await direct.getBuffer('{test}:anomalies:state')
    direct.disconnect()
    return JSON.stringify(entries) + (state ? gunzipSync(state).toString() : '')
  }
})
