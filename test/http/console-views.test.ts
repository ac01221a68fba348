/** Live views and sessions by themselves: bounds, slow readers, time. */
import type { ServerResponse } from 'node:http'
import { PassThrough } from 'node:stream'
import { describe, expect, it } from 'vitest'
import type { RequestRecord } from '../../src/audit/write/record.ts'
import { FeedSender, LocalFeed, maxRecent, WorkersFeed } from '../../src/http/admin/console/live/feed.ts'
import type { LiveRow } from '../../src/http/admin/console/live/row.ts'
import { LiveViews, viewBounds } from '../../src/http/admin/console/live/views.ts'
import { Sessions, sessionBounds } from '../../src/http/admin/console/sessions.ts'
import { SignInLinks } from '../../src/http/admin/console/sign-in-links.ts'
import { stillClock } from '../rig/clock.ts'
import { until } from '../rig/wait.ts'

const recordOf = (id: string) =>
  ({ id, time: `2026-12-01T00:00:00.${id.padStart(3, '0')}Z` }) as RequestRecord
// A response as far as views use one.
const response = () => new PassThrough({ highWaterMark: 1 }) as unknown as ServerResponse & PassThrough
const viewer = { owner: 'a', network: 'n', fits: () => true, onEnd: () => () => {} }
const textOf = (out: PassThrough) => String(out.read() ?? '')

describe('live views', () => {
  it('are cut when their reader is slow, and others go on', async () => {
    const feed = new LocalFeed('')
    const views = new LiveViews(feed, Date.now, { ...viewBounds, waitingBytes: 2000, rowsPerSecond: 1000 })
    const [slow, quick] = [response(), response()]
    let read = ''
    quick.on('data', (piece: Buffer) => {
      read += piece.toString()
    })
    await views.open(viewer, slow)
    await views.open(viewer, quick)
    for (let index = 0; index < 100; index++) {
      feed.note(recordOf(String(index)))
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(slow.destroyed).toBe(true)
    expect(views.size).toBe(1)
    await until(() => read.includes('"id":"99"'))
    views.close()
    expect(quick.writableEnded).toBe(true)
  })

  it('are at most so many in all, of a session and of a network', async () => {
    const views = new LiveViews(new LocalFeed(''), Date.now)
    for (let index = 0; index < 8; index++) await views.open(viewer, response())
    expect(views.fullFor(viewer)).toBe('own')
    for (let index = 8; index < 32; index++) await views.open({ ...viewer, owner: `b${index}` }, response())
    expect(views.fullFor({ ...viewer, owner: 'c' })).toBe('own')
    expect(views.fullFor({ owner: 'c', network: 'm' })).toBeUndefined()
    for (let index = 32; index < 64; index++)
      await views.open({ ...viewer, owner: `b${index}`, network: 'm' }, response())
    expect(views.fullFor({ owner: 'c', network: 'o' })).toBe('all')
    views.close()
    expect(views.size).toBe(0)
  })

  it('show each request once, also one that ends while a view is being opened', async () => {
    const feed = new LocalFeed('')
    feed.note(recordOf('1'))
    let answer: ((rows: readonly LiveRow[]) => void) | undefined
    const source = {
      recent: () =>
        new Promise<readonly LiveRow[]>((resolve) => {
          answer = resolve
        }),
      watch: feed.watch.bind(feed),
    }
    const views = new LiveViews(source, Date.now)
    const out = response()
    const opened = views.open(viewer, out)
    feed.note(recordOf('2'))
    feed.note(recordOf('3'))
    answer?.((await feed.recent()).slice(0, 2))
    await opened
    const told = [...textOf(out).matchAll(/"id":"(\d)"/g)].map(([, id]) => id)
    expect(told).toEqual(['1', '2', '3'])
    views.close()
  })

  it('send a sign of life where nothing happens', async () => {
    const views = new LiveViews(new LocalFeed(''), Date.now, { ...viewBounds, tickMs: 1, ticksPerSign: 2 })
    const out = response()
    let read = ''
    out.on('data', (piece: Buffer) => {
      read += piece.toString()
    })
    await views.open(viewer, out)
    await until(() => read.includes('\n\n: \n\n'))
    views.close()
  })
})

describe('the feed', () => {
  it('remembers the newest two hundred', async () => {
    const feed = new LocalFeed('w1')
    for (let index = 0; index < 450; index++) feed.note(recordOf(String(index)))
    const recent = await feed.recent()
    expect(recent).toHaveLength(maxRecent)
    expect(recent[0]).toMatchObject({ id: '250', chain: 'w1' })
    expect(recent.at(-1)).toMatchObject({ id: '449' })
  })

  it('of workers is sent only while somebody looks, bounded, and says what it has left out', async () => {
    const feed = new LocalFeed('w1')
    const sent: { rows: readonly LiveRow[]; dropped: number }[] = []
    let asked = 0
    const all = new WorkersFeed({
      recent: async () => [await feed.recent()],
      ask: () => {
        asked++
        sender.go()
      },
    })
    const sender = new FeedSender(feed, {
      send: (rows, dropped) => {
        sent.push({ rows, dropped })
        all.take(rows, dropped)
      },
      ...{ everyMs: 1, max: 3, leaseMs: 5 },
    })
    feed.note(recordOf('0'))
    expect(asked).toBe(0)
    const seen: (string | null)[] = []
    let dropped = 0
    const stop = all.watch({
      onRow: ({ id }) => seen.push(id),
      onDropped: (count) => {
        dropped += count
      },
    })
    for (let index = 1; index <= 5; index++) feed.note(recordOf(String(index)))
    await until(() => dropped === 2)
    expect(seen).toEqual(['1', '2', '3'])
    stop()
    // The lease ends, and with it the work for it.
    await until(() => {
      sent.splice(0)
      feed.note(recordOf('6'))
      return new Promise<boolean>((resolve) => setTimeout(() => resolve(sent.length === 0), 3))
    })
    expect((await all.recent()).length).toBeGreaterThan(5)
    sender.close()
  })
})

describe('sessions', () => {
  const principal = { who: 'x', rights: new Set(['read'] as const), identity: undefined }
  const opening = { owner: 'x', principal: () => principal }
  const visit = { host: 'h', secure: false, peer: '127.0.0.1', isUse: true }

  it('end after a quarter of an hour without use, which a page by itself is not', () => {
    const clock = stillClock()
    const sessions = new Sessions(clock)
    const id = sessions.open(opening, visit)
    clock.advance(sessionBounds.idleMs - 1)
    expect(sessions.find(id, visit)).toBeDefined()
    clock.advance(sessionBounds.idleMs - 1)
    expect(sessions.find(id, { ...visit, isUse: false })).toBeDefined()
    let ended = 0
    sessions.find(id, { ...visit, isUse: false })?.onEnd(() => ended++)
    clock.advance(1)
    sessions.sweep()
    expect(ended).toBe(1)
    expect(sessions.find(id, visit)).toBeUndefined()
    expect(sessions.size).toBe(0)
  })

  it('end after eight hours, however much they are used', () => {
    const clock = stillClock()
    const sessions = new Sessions(clock)
    const id = sessions.open(opening, visit)
    for (let passed = 0; passed + 600_000 < sessionBounds.lifeMs; passed += 600_000) {
      clock.advance(600_000)
      expect(sessions.find(id, visit)).toBeDefined()
    }
    clock.advance(600_000)
    expect(sessions.find(id, visit)).toBeUndefined()
  })

  it('are at most 256: the one that was unused for longest ends', () => {
    const sessions = new Sessions(stillClock())
    const ids = Array.from({ length: 257 }, (_, index) =>
      sessions.open({ ...opening, owner: String(index) }, visit),
    )
    expect(sessions.size).toBe(256)
    expect(sessions.find(ids[0] ?? '', visit)).toBeUndefined()
    expect(sessions.find(ids[1] ?? '', visit)).toBeDefined()
  })

  it('end when what they were opened with is good for nothing any more, or not from there', () => {
    const sessions = new Sessions(stillClock())
    let good = true
    const here = {
      owner: 'k',
      principal: (peer: string) => (good && peer === '127.0.0.1' ? principal : undefined),
    }
    const [first, second] = [sessions.open(here, visit), sessions.open(here, visit)]
    expect(sessions.find(first, { ...visit, peer: '192.0.2.1' })).toBeUndefined()
    expect(sessions.find(first, visit)).toBeUndefined()
    expect(sessions.find(second, visit)).toBeDefined()
    good = false
    sessions.sweep()
    expect(sessions.size).toBe(0)
  })
})

describe('sign-in links', () => {
  it('are good once and for ten minutes, and sixteen at a time', () => {
    const clock = stillClock()
    const links = new SignInLinks(clock)
    const [first, second] = [links.make(), links.make()]
    expect(first).toMatch(/^[\w-]{43}$/)
    expect([links.use(first), links.use(first)]).toEqual([true, false])
    clock.advance(600_000)
    expect(links.use(second)).toBe(false)
    const many = Array.from({ length: 17 }, () => links.make())
    expect(many.map((link) => links.use(link)).filter(Boolean)).toHaveLength(16)
  })
})
