/** What a yes is good for: exactly one call, once, for a time; in memory and in a real Redis, on one gateway and on two. */
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { type ApprovalRequest, approvalOf } from '../../src/approvals/approval.ts'
import { createMemoryApprovals } from '../../src/approvals/memory.ts'
import { maxApprovals, maxEach } from '../../src/approvals/store.ts'
import { type ApprovalWorld, approvalWorlds, wish } from '../rig/approvals.ts'
import { stillClock } from '../rig/clock.ts'
import { until } from '../rig/wait.ts'

const open: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close()
})

const validMs = 600_000
const yes = { state: 'approved', by: 'alice', why: null } as const
const no = { state: 'denied', by: 'bob', why: 'too much' } as const
const approval = (more: Partial<ApprovalRequest> = {}) => approvalOf({ ...wish, ...more }, 'masked')

/** Every way in which a call can be another. */
const others: readonly (readonly [string, Partial<ApprovalRequest>])[] = [
  ['another amount', { arguments: { amount: 6, to: 'DE89' } }],
  ['an amount as text', { arguments: { amount: '5', to: 'DE89' } }],
  ['one argument more', { arguments: { amount: 5, to: 'DE89', note: '' } }],
  ['one argument less', { arguments: { amount: 5 } }],
  ['another tool', { tool: 'transfer_us' }],
  ['another caller', { identity: { ...wish.identity, id: 'agent2' } }],
  ['the same caller in another role', { identity: { ...wish.identity, role: 'boss' } }],
  ['another model', { model: 'llama3.2' }],
  ['a changed policy', { policy: 'abcdef012346' }],
]

describe.each(approvalWorlds.filter(([, there]) => there))('approvals in %s', (_name, _there, make) => {
  const start = async (): Promise<ApprovalWorld> => {
    const world = await make()
    open.push(world.close)
    return world
  }
  const stand = async (
    { store }: Pick<ApprovalWorld, 'store'>,
    more: Partial<ApprovalRequest> = {},
    ask = true,
  ) => {
    const [standing] = await store.take(approval(more), ask ? validMs : undefined)
    return standing
  }
  const asked = async (world: ApprovalWorld, more: Partial<ApprovalRequest> = {}) => {
    const standing = await stand(world, more)
    if (standing.kind !== 'pending') throw new Error(standing.kind)
    return standing.approval.id
  }

  it('are asked once, and pass once after the yes', async () => {
    const world = await start()
    const first = await stand(world)
    const again = await stand({ store: world.second })
    expect([first, again]).toMatchObject([
      { kind: 'pending', fresh: true },
      { kind: 'pending', fresh: false },
    ])
    const id = await asked(world)
    expect(await world.second.decide(id, yes)).toMatchObject({ kind: 'done', approval: { by: 'alice', id } })
    // The order of keys is none of the call.
    expect(await stand(world, { arguments: { to: 'DE89', amount: 5 } })).toMatchObject({ kind: 'passed' })
    expect(await stand(world, {}, false)).toEqual({ kind: 'gone' })
    expect(await asked(world)).not.toBe(id)
  })

  it.each(others)('are useless for %s', async (_what, more) => {
    const world = await start()
    await world.store.decide(await asked(world), yes)
    expect(await stand(world, more, false)).toEqual({ kind: 'gone' })
    expect(await stand(world, more)).toMatchObject({ kind: 'pending', fresh: true })
    expect(await stand(world)).toMatchObject({ kind: 'passed' })
  })

  it('are useless after their time, and one gateway is told', async () => {
    const world = await start()
    const id = await asked(world)
    await world.store.decide(id, yes)
    await asked(world, { tool: 'delete_all' })
    await world.age()
    expect(await world.store.decide(id, no)).toEqual({ kind: 'unknown' })
    const [standing, over] = await world.store.take(approval(), undefined)
    expect([standing, over]).toMatchObject([{ kind: 'gone' }, { id, state: 'approved' }])
    const swept = [...(await world.store.sweep()), ...(await world.second.sweep())]
    expect(swept.map(({ tool }) => tool)).toEqual(['delete_all'])
    expect(await world.store.list()).toEqual([])
  })

  it('that were denied stay denied for their time', async () => {
    const world = await start()
    const id = await asked(world)
    expect(await world.store.decide(id, no)).toMatchObject({ kind: 'done' })
    expect(await world.store.decide(id, yes)).toEqual({ kind: 'decided' })
    expect(await stand(world)).toMatchObject({ kind: 'denied', approval: { why: 'too much' } })
    expect(await stand(world)).toMatchObject({ kind: 'denied' })
    await world.age()
    expect(await stand(world)).toMatchObject({ kind: 'pending', fresh: true })
  })

  it('are decided by one of many who decide at once', async () => {
    const world = await start()
    const id = await asked(world)
    const decisions = await Promise.all(
      Array.from({ length: 40 }, (_, index) =>
        (index % 2 ? world.store : world.second).decide(id, index % 3 ? yes : no),
      ),
    )
    expect(decisions.filter(({ kind }) => kind === 'done')).toHaveLength(1)
    expect(await world.store.decide('ap_00000000000000000000', yes)).toEqual({ kind: 'unknown' })
  })

  it('never pass twice, however many take at once on two gateways', async () => {
    const world = await start()
    for (let round = 0; round < 20; round++) {
      await world.store.decide(await asked(world), yes)
      const takers = Array.from({ length: 50 }, (_, index) =>
        stand({ store: index % 2 ? world.store : world.second }, {}, index % 5 === 0),
      )
      const kinds = (await Promise.all(takers)).map(({ kind }) => kind)
      expect(kinds.filter((kind) => kind === 'passed')).toHaveLength(1)
      await world.age()
      await world.store.sweep()
    }
  })

  it('are no more than one key with its tokens, and all together, may have', async () => {
    const world = await start()
    const numbered = (index: number, holder: string) =>
      stand(world, {
        holder,
        identity: { ...wish.identity, kind: 'token', id: `token ${index} of ${holder}` },
      })
    for (let index = 0; index < maxEach; index++)
      expect(await numbered(index, 'a')).toMatchObject({ kind: 'pending' })
    expect(await numbered(maxEach, 'a')).toEqual({ kind: 'full' })
    expect(await numbered(0, 'a')).toMatchObject({ kind: 'pending', fresh: false })
    for (let index = maxEach; index < maxApprovals; index++)
      await numbered(index, `owner${Math.floor(index / maxEach)}`)
    expect(await world.store.list()).toHaveLength(maxApprovals)
    expect(await numbered(0, 'somebody')).toEqual({ kind: 'full' })
  })

  it('tell other gateways of a decision', async () => {
    const world = await start()
    let told = 0
    world.second.onNews(() => told++)
    let tries = 0
    await until(async () => {
      await world.store.decide(await asked(world, { arguments: { tries: tries++ % maxEach } }), yes)
      return told > 0
    })
  })
})

describe('the file of approvals', () => {
  const file = () => {
    const folder = mkdtempSync(join(tmpdir(), 'torwart-approvals-'))
    open.push(() => rmSync(folder, { recursive: true }))
    return join(folder, 'approvals.json')
  }
  const clock = stillClock(1_900_000_000_000)

  it('outlives a restart, question and yes', async () => {
    const path = file()
    const [standing] = await createMemoryApprovals(path, clock).take(approval(), validMs)
    expect(standing.kind).toBe('pending')
    expect(statSync(path).mode & 0o777).toBe(0o600)
    const next = createMemoryApprovals(path, clock)
    const [{ id } = { id: '' }] = await next.list()
    await next.decide(id, yes)
    const last = createMemoryApprovals(path, clock)
    expect((await last.take(approval(), undefined))[0]).toMatchObject({ kind: 'passed' })
    // Crossed out on disk before it was used.
    expect((await createMemoryApprovals(path, clock).take(approval(), undefined))[0].kind).toBe('gone')
  })

  it('keeps a yes from passing when it cannot be crossed out', async () => {
    const path = file()
    const store = createMemoryApprovals(path, clock)
    await store.take(approval(), validMs)
    const [{ id } = { id: '' }] = await store.list()
    await store.decide(id, yes)
    rmSync(join(path, '..'), { recursive: true })
    await expect(store.take(approval(), undefined)).rejects.toThrow()
    open.pop()
  })

  it('of an earlier version is read', async () => {
    const path = file()
    const { holder: _, request: __, ...earlier } = approval()
    writeFileSync(path, JSON.stringify([{ ...earlier, asked: 1, until: 2_000_000_000_000 }]))
    expect(await createMemoryApprovals(path, clock).list()).toMatchObject([{ holder: '', request: null }])
  })

  it('that cannot be read is no start', () => {
    const path = file()
    for (const text of ['', '{}', '[{"id":"ap_0"}]', 'nonsense']) {
      writeFileSync(path, text)
      expect(() => createMemoryApprovals(path, clock)).toThrow(/not a file of approvals/)
    }
  })

  it('holds what is masked, unless the policy wants it plain', async () => {
    const path = file()
    const store = createMemoryApprovals(path, clock)
    const secret = { to: 'mallory@example.org', key: `sk-${'f9Kq2LzX7pWb'}T3BlbkFJ${'4TnVr8HsYc6MdJ1gE0Ua'}` }
    await store.take(approvalOf({ ...wish, arguments: secret }, 'masked'), validMs)
    expect(readFileSync(path, 'utf8')).not.toMatch(/mallory|f9Kq2/)
    await store.take(approvalOf({ ...wish, tool: 'x', arguments: secret }, 'plain'), validMs)
    expect(readFileSync(path, 'utf8')).toContain('mallory')
  })
})
