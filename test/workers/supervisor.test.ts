/** The channel between two processes, and the supervisor of workers, with processes that are made up. */
import { expect, it } from 'vitest'
import { Refusal } from '../../src/core/refusal.ts'
import { createMemoryStore } from '../../src/limits/memory/memory.ts'
import type { Upstream } from '../../src/policy/policy.ts'
import type { Fleet } from '../../src/upstreams/fleet.ts'
import { type Channel, NoAnswer, openChannel, type Port } from '../../src/workers/channel.ts'
import { createRemoteStore, serveLimits } from '../../src/workers/limits.ts'
import { createRemoteFleet, serveSlots } from '../../src/workers/slots.ts'
import { Supervisor, type SupervisorOptions, type WorkerProcess } from '../../src/workers/supervisor.ts'
import { stillClock } from '../rig/clock.ts'
import { until } from '../rig/wait.ts'

/** Two ends, through JSON, as Node sends between processes. */
function pair(turns = 1): { readonly ends: readonly [Port, Port]; readonly messages: unknown[] } {
  const messages: unknown[] = []
  const heard: ((message: unknown) => void)[] = [() => {}, () => {}]
  const end = (own: number, other: number): Port => ({
    send(message) {
      messages.push(message)
      const text = JSON.stringify(message)
      const after = (left: number) =>
        void setImmediate(() => (left > 1 ? after(left - 1) : heard[other]?.(JSON.parse(text))))
      after(turns)
    },
    onMessage: (listener) => {
      heard[own] = listener
    },
  })
  return { ends: [end(0, 1), end(1, 0)], messages }
}

it('sends what one turn asks in one message, and answers it in one', async () => {
  const { ends, messages } = pair()
  const asking = openChannel(ends[0], {})
  openChannel(ends[1], {
    double: (number: number) => number * 2,
    refuse: () => {
      throw new Refusal('queue_full', { say: 'Later.', retryAfterSeconds: 7 })
    },
    fail: async () => Promise.reject(new TypeError('what went wrong')),
  })
  const answers = await Promise.allSettled([
    ...[1, 2, 3].map((number) => asking.ask('double', [number])),
    asking.ask('refuse', []),
    asking.ask('fail', []),
    asking.ask('nothing', []),
  ])
  expect(messages).toHaveLength(2)
  expect(answers.slice(0, 3)).toEqual([2, 4, 6].map((value) => ({ status: 'fulfilled', value })))
  const [refused, failed, unknown] = answers.slice(3).map((each) => (each as PromiseRejectedResult).reason)
  expect(refused).toBeInstanceOf(Refusal)
  expect(refused).toMatchObject({ code: 'queue_full', say: 'Later.', retryAfterSeconds: 7 })
  expect(failed).toMatchObject({ message: 'what went wrong' })
  expect(unknown).toMatchObject({ message: 'nothing answers nothing' })
})

it('gives up where no answer comes, and where the channel is closed', async () => {
  const asking = openChannel({ send() {}, onMessage() {} }, {})
  await expect(asking.ask('anything', [], 1)).rejects.toBeInstanceOf(NoAnswer)
  const late = asking.ask('anything', [])
  asking.close()
  await expect(late).rejects.toBeInstanceOf(NoAnswer)
  await expect(asking.ask('anything', [])).rejects.toBeInstanceOf(NoAnswer)
})

it('gives back what a worker held that is gone, and refuses while the primary does not answer', async () => {
  const { ends } = pair()
  const channel = openChannel(ends[0], {})
  const store = createRemoteStore(channel)
  const service = serveLimits(createMemoryStore(stillClock(0)), async () => {})
  openChannel(ends[1], service.handlers)
  const budget = { leftMs: 1 }
  const account = { scope: 'key', name: 'k' } as const
  const limit = { account, limit: 1 }
  const admitted = await store.admit(
    { lease: 'a', kind: 'requests', limits: [limit], breaker: undefined },
    budget,
  )
  expect(admitted).toMatchObject({ outcome: 'admitted' })
  const claim = (lease: string) => ({
    lease,
    tokens: 1,
    accounts: [{ account, limits: { concurrent: 1 } as never }],
    repetition: undefined,
  })
  expect((await store.reserve(claim('a'), budget)).outcome).toBe('granted')
  expect((await store.reserve(claim('b'), budget)).outcome).toBe('concurrent')
  service.release()
  expect((await store.reserve(claim('c'), budget)).outcome).toBe('granted')
  channel.close()
  await expect(store.reserve(claim('d'), budget)).rejects.toMatchObject({ code: 'store_unavailable' })
})

it('hears what other workers have settled before it refuses for what they held', async () => {
  const primary = createMemoryStore(stillClock(0))
  const budget = { leftMs: 1 }
  const accounts = [{ account: { scope: 'role', name: 'r' } as const, limits: { concurrent: 1 } as never }]
  const claim = (lease: string) => ({ lease, tokens: 1, accounts, repetition: undefined })
  const of = (slow: number, heardAll: () => Promise<void>) => {
    const { ends } = pair(slow)
    const channel = openChannel(ends[0], { 'worker.heard': () => {} })
    const back = openChannel(ends[1], serveLimits(primary, heardAll).handlers)
    return { store: createRemoteStore(channel), back }
  }
  // What it tells arrives late.
  const one = of(20, async () => {})
  const two = of(1, () => one.back.ask('worker.heard', []))
  const deaf = of(1, async () => {})
  expect((await one.store.reserve(claim('a'), budget)).outcome).toBe('granted')
  const settled = { claim: claim('a'), spent: 1, breaker: undefined, actions: 0, trial: undefined } as const
  await one.store.settle({ lease: 'a', ...settled, repetition: undefined, unsaid: false }, budget)
  expect((await deaf.store.reserve(claim('b'), budget)).outcome).toBe('concurrent')
  expect((await two.store.reserve(claim('c'), budget)).outcome).toBe('granted')
})

it('keeps a place for the next request of a worker, until it is recalled or not used', async () => {
  const server = { name: 'local', kind: 'ollama', origin: 'http://127.0.0.1:1' } as unknown as Upstream
  let taken = 0
  let inFlight = 0
  let waiting = 0
  const waits: number[] = []
  const fleet = {
    get waiting() {
      return waiting
    },
    tell() {},
    async slot() {
      taken++
      inFlight++
      return { upstream: server, release: () => void inFlight-- }
    },
  }
  const { ends } = pair()
  const channel = openChannel(ends[0], {})
  const events = { onForget() {}, onWait: () => void waits.push(waiting) }
  const service = serveSlots(fleet, () => [server], events)
  const back = openChannel(ends[1], service.handlers)
  // Only what asks for places is used.
  const remote = createRemoteFleet({} as Fleet, channel, () => [server])
  const target = { server: 'ollama', model: 'm', listed: true, digest: null, upstreams: [server] } as const
  const request = { target, tried: new Set<Upstream>(), owner: 'o', queue: { size: 1, waitMs: 1 } }
  const ask = () => remote.slot({ ...request, left: () => false, onLeave() {} })
  for (let turn = 0; turn < 3; turn++) (await ask()).release()
  expect([taken, inFlight]).toEqual([1, 1])
  await until(() => inFlight === 0)
  ;(await ask()).release()
  expect([taken, inFlight]).toEqual([2, 1])
  back.tell('slots.recall', [])
  await until(() => inFlight === 0)
  const held = await ask()
  held.release()
  held.release()
  await until(() => inFlight === 0)
  expect(taken).toBe(3)
  waiting = 1
  await ask()
  expect(waits).toEqual([1])
  service.release()
  expect(inFlight).toBe(0)
})

interface MadeUp {
  readonly worker: number
  readonly channel: Channel
  readonly drained: boolean[]
  /** Its event loop has stopped. */
  hangs: boolean
  isKilled: boolean
  end(code: number | null, signal?: string): void
}

/** What a made-up worker answers where it says nothing but that it is done. */
const answered = ({ hangs }: MadeUp) => (hangs ? new Promise<void>(() => {}) : undefined)

/** @param fingerprints of the policy that each new worker serves by, in turn; the last is kept */
function supervised(fingerprints: string[], more: Partial<SupervisorOptions> = {}) {
  const made: MadeUp[] = []
  const told: string[] = []
  const host = {
    fork(worker: number): WorkerProcess {
      const { ends } = pair()
      let onExit: ((code: number | null, signal: string | null) => void) | undefined
      const fingerprint = fingerprints.length > 1 ? fingerprints.shift() : fingerprints[0]
      const one: MadeUp = {
        worker,
        drained: [],
        hangs: false,
        isKilled: false,
        channel: openChannel(ends[1], {
          'worker.reload': () => fingerprint,
          'worker.heard': () => answered(one),
          'worker.freezes': () => answered(one),
          'worker.drain': ({ notice }: { notice: boolean }) => {
            one.drained.push(notice)
            one.end(0)
          },
        }),
        end: (code, signal) => setImmediate(() => onExit?.(code, signal ?? null)),
      }
      made.push(one)
      return {
        ...ends[0],
        pid: 1,
        kill() {
          one.isKilled = true
          one.end(null, 'SIGKILL')
        },
        onExit: (listener) => {
          onExit = listener
        },
      }
    },
  }
  const supervisor = new Supervisor({
    count: 2,
    host,
    serve: () => ({ handlers: {}, release: () => told.push('released') }),
    fingerprint: () => 'new',
    onStarted: (worker) => void told.push(`started ${worker}`),
    onEnded: async ({ worker, code, signal }) => void told.push(`ended ${worker} ${code} ${signal}`),
    onRetired: (worker, why) => void told.push(`retired ${worker}: ${why}`),
    drainMs: () => 60_000,
    pauseMs: 1,
    ...more,
  })
  const listens = (one: MadeUp | undefined) => one?.channel.tell('worker.listening', ['http://x', 'instance'])
  return { supervisor, made, told, listens }
}

it('replaces a worker that does not take what is in force, at once and without notice', async () => {
  const { supervisor, made, told, listens } = supervised(['new', 'old', 'new'])
  const starting = supervisor.start()
  for (const one of made) listens(one)
  expect(await starting).toBe('http://x')
  await until(() => made.length === 3)
  expect(made[1]?.drained).toEqual([false])
  expect(told).toContain('retired 2: it does not serve by the policy and keys in force')
  expect(made[2]?.worker).toBe(2)
  listens(made[2])
  await until(() => supervisor.ready === 2)
  await supervisor.reload()
  expect(supervisor.ready).toBe(2)
  await supervisor.stop()
  expect(made.map(({ drained }) => drained.length)).toEqual([1, 1, 1])
})

it('replaces a worker that hangs, without being asked for anything', async () => {
  const { supervisor, made, told, listens } = supervised(['new'], { hangMs: 60 })
  const starting = supervisor.start()
  for (const one of made) listens(one)
  await starting
  for (const one of made.slice(1, 2)) one.hangs = true
  await until(() => made.length === 3)
  expect(told).toContain('retired 2: it does not answer')
  expect(made.map(({ isKilled }) => isKilled)).toEqual([false, true, false])
  await supervisor.stop()
})

it('ends a worker that does not read a freeze before it says that all obey', async () => {
  const { supervisor, made, told, listens } = supervised(['new'], { obeyMs: 20 })
  const starting = supervisor.start()
  for (const one of made) listens(one)
  await starting
  await supervisor.readFreezes()
  expect(made.some(({ isKilled }) => isKilled)).toBe(false)
  for (const one of made.slice(0, 1)) one.hangs = true
  await supervisor.readFreezes()
  expect(told).toContain('retired 1: it does not read a freeze')
  expect(made.map(({ isKilled }) => isKilled)).toEqual([true, false])
  await supervisor.stop()
})

it('pauses longer and longer between starts of a worker that keeps dying, and releases what it held', async () => {
  const { supervisor, made, told, listens } = supervised(['new'], { pauseMs: 8 })
  const starting = supervisor.start()
  for (const one of made) listens(one)
  await starting
  const at: number[] = []
  for (let deaths = 1; deaths <= 4; deaths++) {
    made.at(-1)?.end(1)
    await until(() => made.length === 2 + deaths)
    at.push(performance.now())
  }
  const pauses = at.slice(1).map((ms, index) => ms - (at[index] ?? 0))
  for (const [index, pause] of pauses.entries())
    expect(pause).toBeGreaterThanOrEqual(8 * 2 ** (index + 1) - 1)
  expect(told.filter((each) => each === 'released')).toHaveLength(4)
  expect(told.filter((each) => each === 'ended 2 1 null')).toHaveLength(4)
  await supervisor.stop()
  expect(made.at(-1)?.isKilled).toBe(true)
})

it('starts nothing if one cannot start, and leaves none behind', async () => {
  const { supervisor, made, listens } = supervised(['new'])
  const starting = supervisor.start()
  listens(made[0])
  made[1]?.end(1)
  await expect(starting).rejects.toThrow('worker 2 could not start')
  await supervisor.stop()
  expect(made[0]?.isKilled).toBe(true)
  expect(made).toHaveLength(2)
})
