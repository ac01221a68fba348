/** Searching a log from its end. */
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Found, type Search, searchNewestFirst } from '../../src/audit/query/newest-first.ts'
import { closedPath } from '../../src/audit/write/segments.ts'

let folder: string
let file: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'torwart-newest-'))
  file = join(folder, 'audit.jsonl')
})
afterEach(() => rmSync(folder, { recursive: true }))

const time = (seconds: number) => new Date(Date.UTC(2026, 11, 1) + seconds * 1000).toISOString()
/** The records with these numbers, at as many seconds. @param pad so that lines span the pieces that are read */
const lines = (from: number, to: number, { pad = 0, step = 1, kind = 'a' } = {}) =>
  Array.from({ length: to - from + 1 }, (_, index) => {
    const seq = from + index
    return `${JSON.stringify({ seq, time: time(seq * step), id: `r${seq}`, kind, text: 'é'.repeat(pad) })}\n`
  }).join('')
const all = { from: new Map(), fits: () => true, limit: 1000, isOver: () => false } satisfies Search
const seqs = ({ entries }: Found) => entries.map(({ entry }) => entry.seq)
const down = (from: number, to: number) => Array.from({ length: from - to + 1 }, (_, index) => from - index)

describe('a search from the end of a log', () => {
  it('goes over plain, closed and compressed segments, the newest record first', async () => {
    writeFileSync(`${closedPath(file, 1)}.gz`, gzipSync(lines(1, 300)))
    writeFileSync(closedPath(file, 301), lines(301, 600, { pad: 2000 }))
    writeFileSync(file, `${lines(601, 700)}{"seq":701,"time":"torn`)
    const found = await searchNewestFirst(file, all)
    expect(seqs(found)).toEqual(down(700, 1))
    expect(found).toMatchObject({ next: undefined, searchedTo: time(1) })
  })

  it('goes on where it ended, in pages of any size, without leaving out or repeating one', async () => {
    writeFileSync(`${closedPath(file, 1)}.gz`, gzipSync(lines(1, 100)))
    writeFileSync(file, lines(101, 700, { pad: 1500 }))
    writeFileSync(`${file}.w1`, lines(1, 90, { step: 8 }))
    for (const limit of [1, 7, 100, 499]) {
      const told: string[] = []
      let from: Search['from'] | undefined = new Map()
      for (let pages = 0; from && pages < 2000; pages++) {
        const found: Found = await searchNewestFirst(file, { ...all, from, limit })
        expect(found.entries.length).toBeLessThanOrEqual(limit)
        for (const { entry, chain } of found.entries) told.push(`${entry.time} ${chain} ${entry.seq}`)
        from = found.next
        // Each page is a search of its own: a few of many are enough.
        if (limit === 1 && pages === 20) break
      }
      const expected = limit === 1 ? 21 : 790
      expect(new Set(told).size).toBe(expected)
      const times = told.map((each) => each.slice(0, 24))
      expect(times).toEqual(times.toSorted().toReversed())
    }
  })

  it('stops when its time is over, and goes on from there', async () => {
    writeFileSync(file, lines(1, 5000, { pad: 100 }))
    let asked = 0
    const fits: Search['fits'] = ({ seq }) => seq === 10
    const first = await searchNewestFirst(file, { ...all, fits, isOver: () => ++asked > 500 })
    expect(first.entries).toEqual([])
    expect(first.next?.get('')).toBe(4500)
    const second = await searchNewestFirst(file, { ...all, fits, from: first.next ?? new Map() })
    expect(seqs(second)).toEqual([10])
  })

  it('looks only at what was written between two times', async () => {
    writeFileSync(closedPath(file, 1), lines(1, 1000, { pad: 500 }))
    writeFileSync(file, lines(1001, 5000, { pad: 500 }))
    let looked = 0
    const found = await searchNewestFirst(file, {
      ...all,
      ...{ sinceMs: Date.parse(time(900)), untilMs: Date.parse(time(910)) },
      fits: ({ time: at }) => {
        looked++
        return at >= time(900)
      },
    })
    expect(seqs(found)).toEqual(down(909, 900))
    // A minute of slack, for clocks that were set back.
    expect(looked).toBeLessThan(100)
  })

  it('finds one record by its place', async () => {
    writeFileSync(`${closedPath(file, 1)}.gz`, gzipSync(lines(1, 100)))
    writeFileSync(file, lines(101, 200))
    writeFileSync(`${file}.w2`, lines(1, 200))
    for (const [chain, seq] of [
      ['', 7],
      ['', 150],
      ['w2', 7],
      ['', 201],
    ] as const) {
      const from = new Map([[chain, seq + 1]])
      const search = {
        ...all,
        from,
        only: { chain, seq },
        limit: 1,
        fits: (entry: { seq: number }) => entry.seq === seq,
      }
      const found = await searchNewestFirst(file, search)
      expect(found.entries.map((each) => [each.chain, each.entry.seq])).toEqual(
        seq === 201 ? [] : [[chain, seq]],
      )
    }
  })

  it('passes over lines that are no records, and an empty or missing log', async () => {
    expect(await searchNewestFirst(file, all)).toMatchObject({ entries: [], next: undefined })
    writeFileSync(file, '')
    expect((await searchNewestFirst(file, all)).entries).toEqual([])
    writeFileSync(file, `${lines(1, 1)}not json\n{"seq":2}\n\n`)
    appendFileSync(file, lines(3, 3))
    expect(seqs(await searchNewestFirst(file, all))).toEqual([3, 1])
  })
})
