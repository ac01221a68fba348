/** Who has a model, who is chosen, who waits: without a network. */
import { describe, expect, it } from 'vitest'
import type { JsonValue } from '../../src/core/json.ts'
import { Refusal } from '../../src/core/refusal.ts'
import type { ServerKind } from '../../src/core/servers.ts'
import { modelMatcher } from '../../src/models/match.ts'
import type { OutlierDetection, Policy, Role, Upstream } from '../../src/policy/policy.ts'
import { createFleet, type Slot, type Target } from '../../src/upstreams/fleet.ts'
import type { Verdict } from '../../src/upstreams/health.ts'
import { Random } from '../fuzz/random.ts'
import { stillClock } from '../rig/clock.ts'

const upstream = (name: string, kind: ServerKind = 'ollama', concurrent = 1): Upstream => ({
  name,
  origin: `http://${name}`,
  kind,
  remote: false,
  concurrent,
  key: undefined,
})
const role = (...models: string[]) => ({ mayUse: modelMatcher(models) }) as unknown as Role
const ollamaList = (...models: (string | object)[]): JsonValue => ({
  models: models.map((model) =>
    typeof model === 'string' ? { name: model, digest: `d-${model}` } : { ...model },
  ),
})
const openaiList = (...ids: string[]): JsonValue => ({ data: ids.map((id) => ({ id })) })

const outlierDetection: OutlierDetection = {
  consecutiveFailures: 5,
  failurePercentage: 50,
  requestVolume: 20,
  intervalMs: 10_000,
  baseMs: 10_000,
  maxMs: 30_000,
  maxEjectionPercent: 50,
}

/** Lists by server's name; a Refusal instead of one: the server does not answer. */
async function start(upstreams: Upstream[], lists: Record<string, JsonValue | Refusal | undefined>) {
  const policy = { upstreams, outlierDetection, aliases: new Map([['gpt', 'x']]) } as unknown as Policy
  let inForce = policy
  const clock = stillClock()
  const asked: string[] = []
  const ps: Record<string, JsonValue> = {}
  const ejections: string[] = []
  const random = new Random(7)
  const fleet = createFleet({
    current: () => inForce,
    clock,
    random: () => random.next(),
    onEjected: ({ name }, ms) => void ejections.push(`${name} ${ms}`),
    async ask({ name }, path) {
      asked.push(`${name} ${path}`)
      if (path === '/api/ps') return { status: 200, body: ps[name] ?? { models: [] } }
      const list = lists[name]
      if (list instanceof Refusal) throw list
      if (list === 401) return { status: 401, body: {} }
      return { status: 200, body: list }
    },
  })
  await fleet.look()
  const find = (model: string, by = role('*', '*:*')) => fleet.find(model, by, policy)
  const reload = (changed: Upstream[]) => {
    inForce = { ...policy, upstreams: changed } as unknown as Policy
    return fleet.look()
  }
  return { fleet, find, clock, asked, ps, lists, reload, ejections, upstreams }
}
const names = (target: Target | undefined) => target?.upstreams.map(({ name }) => name)

describe('a model', () => {
  it('is where a list has it, with its digest and under its canonical name', async () => {
    const { find } = await start([upstream('a'), upstream('b')], { a: ollamaList('x'), b: ollamaList('y') })
    expect(await find('LIBRARY/Y:latest')).toMatchObject({ server: 'ollama', model: 'y', digest: 'd-y' })
    expect(names(await find('y'))).toEqual(['b'])
    expect(names(await find('gpt'))).toEqual(['a'])
  })

  it('that is on another host is nobody’s', async () => {
    const far = { name: 'far', remote_host: 'https://ollama.com' }
    const { find, fleet } = await start([upstream('a')], { a: ollamaList('x', far) })
    expect(await find('far')).toBeUndefined()
    expect(fleet.isRemote(upstream('a'), 'far')).toBe(true)
    expect(names(await find('x'))).toEqual(['a'])
  })

  it('that no Ollama lists may be any Ollama’s: they know their names themselves', async () => {
    const { find } = await start([upstream('a')], { a: ollamaList('x') })
    expect(await find('new')).toMatchObject({ model: 'new', digest: null })
  })

  it('that was pulled just now is found without waiting for the next look', async () => {
    const world = await start([upstream('a', 'localai')], { a: openaiList('x') })
    expect(await world.find('new')).toBeUndefined()
    world.lists.a = openaiList('x', 'new')
    expect(await world.find('new')).toBeUndefined()
    world.clock.advance(1000)
    expect(names(await world.find('new'))).toEqual(['a'])
  })

  it('of a LocalAI is there only if the list says so, and case counts', async () => {
    const { find } = await start([upstream('a', 'localai')], { a: openaiList('Mock', 'x.bin') })
    for (const name of ['mock', 'M.*', 'Moc', 'a/Mock', ' Mock']) expect(await find(name)).toBeUndefined()
    expect(await find('Mock:latest')).toMatchObject({ server: 'localai', model: 'Mock' })
  })

  it('of a LocalAI whose list cannot be had is not guessed at', async () => {
    const away = new Refusal('upstream_failed')
    const { find } = await start([upstream('a', 'localai')], { a: away })
    await expect(find('x')).rejects.toBe(away)
    const unreadable = await start([upstream('a', 'localai')], { a: { nothing: 1 } })
    await expect(unreadable.find('x')).rejects.toMatchObject({ code: 'upstream_unavailable' })
  })

  it('of a server that does not know the gate’s key is told to be away', async () => {
    const { find, fleet } = await start([upstream('a', 'localai')], { a: 401 })
    await expect(find('x')).rejects.toMatchObject({ code: 'upstream_unavailable' })
    expect(await fleet.check()).toEqual([{ name: 'a', up: false }])
  })

  it('is asked of no server more than once in two seconds for those who look', async () => {
    const { fleet, asked, clock } = await start([upstream('a')], { a: ollamaList('x') })
    const before = asked.length
    for (let count = 0; count < 10; count++) await fleet.check()
    expect(asked.length).toBe(before)
    clock.advance(2000)
    await Promise.all([fleet.check(), fleet.check()])
    expect(asked.slice(before)).toEqual(['a /api/tags', 'a /api/ps'])
  })

  it('of a server that the gate has no descriptor to ask is not told to be away', async () => {
    const world = await start([upstream('a')], { a: ollamaList('x') })
    world.lists.a = new Refusal('overloaded')
    world.clock.advance(2000)
    expect(await world.fleet.check()).toEqual([{ name: 'a', up: true }])
  })

  it('that a list does not hold is called by no name of the caller’s', async () => {
    const { find } = await start([upstream('a')], { a: ollamaList('x') })
    expect(await find('x')).toMatchObject({ listed: true })
    expect(await find('y')).toMatchObject({ listed: false })
  })

  it('keeps its list when a later one cannot be read', async () => {
    const world = await start([upstream('a', 'localai')], { a: openaiList('x') })
    world.lists.a = 'nonsense'
    world.clock.advance(2000)
    expect(await world.fleet.check()).toEqual([{ name: 'a', up: false }])
    expect(names(await world.find('x'))).toEqual(['a'])
  })

  it('of two kinds of server is the first one’s that has it', async () => {
    const { find } = await start([upstream('a', 'localai'), upstream('b')], {
      a: openaiList('y'),
      b: ollamaList('x'),
    })
    expect(names(await find('y'))).toEqual(['a'])
    expect(names(await find('x'))).toEqual(['b'])
  })

  it('that the role may not use is not looked for', async () => {
    const { find, asked } = await start([upstream('a', 'localai')], { a: openaiList('x') })
    const before = asked.length
    expect(await find('y', role('x'))).toBeUndefined()
    expect(asked.length).toBe(before)
  })
})

describe('a seat', () => {
  const queue = { size: 3, waitMs: 60_000 }
  const sit = (
    world: Awaited<ReturnType<typeof start>>,
    target: Target,
    owner = 'o',
    tried: readonly Upstream[] = [],
  ) => {
    let leave: (() => void) | undefined
    const slot = world.fleet.slot({
      target,
      tried: new Set(tried),
      owner,
      queue,
      left: () => false,
      onLeave: (listener) => {
        leave = listener
      },
    })
    return { slot, leave: () => leave?.() }
  }
  const found = async (world: Awaited<ReturnType<typeof start>>, model = 'x'): Promise<Target> => {
    const target = await world.find(model)
    if (!target) throw new Error('nobody has it')
    return target
  }

  it('is at the least loaded server, and first of all where the model is in memory', async () => {
    const lists = { a: ollamaList('x'), b: ollamaList('x') }
    const world = await start([upstream('a', 'ollama', 4), upstream('b', 'ollama', 2)], lists)
    const target = await found(world)
    const taken: string[] = []
    for (let count = 0; count < 6; count++) taken.push((await sit(world, target).slot).upstream.name)
    expect(taken.filter((name) => name === 'a')).toHaveLength(4)
    expect(taken.slice(0, 2).toSorted()).toEqual(['a', 'b'])
    const other = await start([upstream('a', 'ollama', 9), upstream('b', 'ollama', 9)], lists)
    other.ps.b = { models: [{ name: 'x:latest' }] }
    other.clock.advance(2000)
    await other.fleet.check()
    const loaded = await found(other)
    for (let count = 0; count < 3; count++) expect((await sit(other, loaded).slot).upstream.name).toBe('b')
  })

  it('is waited for in an order that is fair between keys', async () => {
    const world = await start([upstream('a')], { a: ollamaList('x') })
    const target = await found(world)
    const first = await sit(world, target).slot
    const order: string[] = []
    const held: Slot[] = []
    for (const owner of ['greedy', 'greedy', 'modest'])
      void sit(world, target, owner).slot.then((slot) => {
        order.push(owner)
        held.push(slot)
      })
    expect(world.fleet.waiting).toBe(3)
    first.release()
    first.release()
    for (let turn = 0; turn < 3; turn++) {
      await new Promise(setImmediate)
      held.shift()?.release()
    }
    expect(order).toEqual(['greedy', 'modest', 'greedy'])
    expect(world.fleet.waiting).toBe(0)
  })

  it('is not waited for by more than the queue holds, nor by who has left', async () => {
    const world = await start([upstream('a')], { a: ollamaList('x') })
    const target = await found(world)
    await sit(world, target).slot
    const waiting = [sit(world, target), sit(world, target), sit(world, target)]
    await expect(sit(world, target).slot).rejects.toMatchObject({ code: 'queue_full', retryAfterSeconds: 1 })
    const left = waiting[0]
    left?.leave()
    await expect(left?.slot).rejects.toThrow('left')
    expect(world.fleet.waiting).toBe(2)
    for (const { slot, leave } of waiting.slice(1)) {
      leave()
      await expect(slot).rejects.toThrow('left')
    }
  })

  it('is never given at a server that this request has tried, whatever the policy says since', async () => {
    const [a, b] = [upstream('a', 'ollama', 9), upstream('b', 'ollama', 9)]
    const world = await start([a, b], { a: ollamaList('x'), b: ollamaList('x') })
    const target = await found(world)
    await world.reload([upstream('a', 'ollama', 9), upstream('b', 'ollama', 9)])
    const first = await sit(world, target).slot
    world.fleet.tell(first.upstream, 'unreachable', 0)
    const second = await sit(world, target, 'o', [first.upstream]).slot
    expect([first.upstream, second.upstream].toSorted((x, y) => x.name.localeCompare(y.name))).toEqual([a, b])
  })

  it('is not taken by a newcomer while somebody waits for it', async () => {
    const world = await start([upstream('a'), upstream('b')], { a: ollamaList('x'), b: ollamaList('x') })
    const target = await found(world)
    const [a, b] = target.upstreams
    world.fleet.tell(a, 'unreachable', 0)
    expect((await sit(world, target).slot).upstream).toBe(b)
    const waiting = sit(world, target, 'first')
    expect(world.fleet.waiting).toBe(1)
    // Its rest is over: the one who waited goes there, not the one who comes now.
    world.clock.advance(1000)
    const late = sit(world, target, 'late')
    expect((await waiting.slot).upstream).toBe(a)
    expect(world.fleet.waiting).toBe(1)
    late.leave()
    await expect(late.slot).rejects.toThrow('left')
  })

  it('has room in the queue for everybody: who has most waiting gives way', async () => {
    const world = await start([upstream('a')], { a: ollamaList('x') })
    const target = await found(world)
    const held = await sit(world, target).slot
    const greedy = [sit(world, target, 'greedy'), sit(world, target, 'greedy'), sit(world, target, 'greedy')]
    const modest = sit(world, target, 'modest')
    await expect(greedy[2]?.slot).rejects.toMatchObject({ code: 'queue_full' })
    await expect(sit(world, target, 'greedy').slot).rejects.toMatchObject({ code: 'queue_full' })
    greedy[0]?.leave()
    greedy[1]?.leave()
    await Promise.allSettled(greedy.map(({ slot }) => slot))
    held.release()
    expect((await modest.slot).upstream.name).toBe('a')
  })

  it('rests once for failures at the same time, and longer the next time', async () => {
    const world = await start([upstream('a', 'ollama', 9)], { a: ollamaList('x') })
    const target = await found(world)
    const [a] = target.upstreams
    const isUp = async () => (await world.fleet.check())[0]?.up
    for (let count = 0; count < 5; count++) world.fleet.tell(a, 'unreachable', 0)
    expect(await isUp()).toBe(false)
    world.clock.advance(1000)
    expect(await isUp()).toBe(true)
    world.fleet.tell(a, 'unreachable', 0)
    world.clock.advance(1999)
    expect(await isUp()).toBe(false)
    world.clock.advance(1)
    world.fleet.tell(a, 'answered', 1)
    world.fleet.tell(a, 'unreachable', 0)
    world.clock.advance(1000)
    expect(await isUp()).toBe(true)
  })

  it('is avoided at a server that failed, unless there is no other', async () => {
    const lists = { a: ollamaList('x'), b: ollamaList('x') }
    const world = await start([upstream('a', 'ollama', 9), upstream('b', 'ollama', 9)], lists)
    const target = await found(world)
    world.fleet.tell(target.upstreams[0], 'unreachable', 0)
    for (let count = 0; count < 3; count++) expect((await sit(world, target).slot).upstream.name).toBe('b')
    world.clock.advance(1000)
    expect((await sit(world, target).slot).upstream.name).toBe('a')
    const alone = await start([upstream('a')], { a: ollamaList('x') })
    const only = await found(alone)
    alone.fleet.tell(only.upstreams[0], 'unreachable', 0)
    expect((await sit(alone, only).slot).upstream.name).toBe('a')
    expect(await alone.fleet.check()).toEqual([{ name: 'a', up: false }])
  })
})

describe('a server among others', () => {
  type World = Awaited<ReturnType<typeof start>>
  interface Behaviour {
    readonly verdict: Verdict
    readonly ms: number
  }
  const queue = { size: 1000, waitMs: 60_000 }
  const listed = (...names: string[]) => Object.fromEntries(names.map((name) => [name, ollamaList('x')]))
  const servers = (...names: string[]) => names.map((name) => upstream(name, 'ollama', 64))

  /** Sends so many requests, a few at a time, to servers that behave like this. @returns how many each of them got, in order */
  async function send(world: World, count: number, atOnce: number, behaves: (name: string) => Behaviour) {
    const target = await world.find('x')
    if (!target) throw new Error('nobody has it')
    const running: { slot: Slot; verdict: Verdict; ms: number; endsMs: number }[] = []
    const got: string[] = []
    const finish = () => {
      running.sort((a, b) => a.endsMs - b.endsMs)
      const next = running.shift()
      if (!next) return
      world.clock.advance(Math.max(0, next.endsMs - world.clock.monotonicMs()))
      world.fleet.tell(next.slot.upstream, next.verdict, next.ms)
      next.slot.release()
    }
    for (let sent = 0; sent < count; sent++) {
      if (running.length >= atOnce) finish()
      const wish = { target, tried: new Set<Upstream>(), owner: 'o', queue, left: () => false, onLeave() {} }
      const slot = await world.fleet.slot(wish)
      const behaviour = behaves(slot.upstream.name)
      running.push({ slot, ...behaviour, endsMs: world.clock.monotonicMs() + behaviour.ms })
      got.push(slot.upstream.name)
    }
    while (running.length > 0) finish()
    return got
  }
  const timesOf = (got: readonly string[], name: string) => got.filter((each) => each === name).length
  const good = { verdict: 'answered', ms: 300 } as const
  const bad = { verdict: 'failed', ms: 1 } as const

  it.each([1, 8, 32])('that fails at once is no black hole (%i at a time)', async (atOnce) => {
    const world = await start(servers('a', 'b'), listed('a', 'b'))
    const got = await send(world, 200, atOnce, (name) => (name === 'a' ? bad : good))
    // Half of those that came before anything was known of either.
    expect(timesOf(got, 'a')).toBeLessThanOrEqual(8 + atOnce / 2)
    // With one at a time it comes back now and then, fails once, and is left alone for longer.
    expect(world.ejections.slice(0, 3)).toEqual(
      ['a 10000', 'a 20000', 'a 30000'].slice(0, world.ejections.length),
    )
    expect(world.fleet.isEjected(world.upstreams[0] as Upstream) || atOnce === 1).toBe(true)
  })

  it('that fails half of the time is found by its rate', async () => {
    const world = await start(servers('a', 'b', 'c'), listed('a', 'b', 'c'))
    let turn = 0
    const got = await send(world, 400, 12, (name) =>
      name === 'a' && turn++ % 2 === 0 ? { ...bad, ms: 300 } : good,
    )
    expect(world.ejections).toEqual(['a 10000'])
    expect(timesOf(got, 'a')).toBeLessThan(60)
  })

  it('is not ejected for requests that fail everywhere', async () => {
    const world = await start(servers('a', 'b', 'c'), listed('a', 'b', 'c'))
    await send(world, 200, 8, () => bad)
    expect(world.ejections).toEqual([])
  })

  it('is not ejected with too many others, nor when it is alone', async () => {
    const world = await start(servers('a', 'b', 'c'), listed('a', 'b', 'c'))
    await send(world, 300, 8, (name) => (name === 'c' ? good : bad))
    expect(new Set(world.ejections.map((text) => text.split(' ')[0])).size).toBe(1)
    const alone = await start(servers('a'), listed('a'))
    await send(alone, 100, 8, () => bad)
    expect(alone.ejections).toEqual([])
  })

  it('that fares well again is ejected for a short time again', async () => {
    const world = await start(servers('a', 'b'), listed('a', 'b'))
    for (let round = 0; round < 3; round++) await send(world, 60, 8, (name) => (name === 'a' ? bad : good))
    const ejected = world.ejections.length
    world.clock.advance(60_000)
    for (let round = 0; round < 5; round++) {
      await send(world, 40, 4, () => good)
      world.clock.advance(10_000)
    }
    expect(world.ejections.length).toBe(ejected)
    await send(world, 40, 8, (name) => (name === 'a' ? bad : good))
    expect(world.ejections.at(-1)).toBe('a 10000')
  })

  it('that answers sooner gets more, and one that was slow is tried again', async () => {
    const world = await start(servers('a', 'b', 'c'), listed('a', 'b', 'c'))
    let slow = 'a'
    const behaves = (name: string) => ({ verdict: 'answered', ms: name === slow ? 3000 : 100 }) as const
    const got = await send(world, 300, 6, behaves)
    expect(timesOf(got, 'a')).toBeLessThan(30)
    slow = 'b'
    world.clock.advance(120_000)
    expect(timesOf(await send(world, 300, 6, behaves), 'a')).toBeGreaterThan(80)
  })
})
