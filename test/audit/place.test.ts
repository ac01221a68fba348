/** The log taken away under a running gate: nothing counts as written that nobody will find. */
import {
  appendFileSync,
  copyFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { readLog } from '../../src/audit/query/read.ts'
import { verifyLog } from '../../src/audit/verify/verify.ts'
import { acquireLock } from '../../src/audit/write/lock.ts'
import { type AuditLog, openAuditLog } from '../../src/audit/write/log.ts'
import type { RecordContent, RequestRecord } from '../../src/audit/write/record.ts'
import { stillClock } from '../rig/clock.ts'
import { processes } from '../rig/gate.ts'
import { until } from '../rig/wait.ts'

let folder: string
let file: string
let log: AuditLog
let clock: ReturnType<typeof stillClock>
const reports: string[] = []

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'torwart-place-'))
  file = join(folder, 'audit.jsonl')
  clock = stillClock(Date.parse('2026-11-30T12:00:00Z'))
  reports.length = 0
  log = openAuditLog({
    file,
    lock: await acquireLock(file, { processes }),
    sync: 'group',
    clock,
    about: { version: 'test' },
    report: (problem, error) => reports.push(`${problem}: ${String(error)}`),
  })
  await add('a')
  await add('b')
})
afterEach(async () => {
  await log.close().catch(() => {})
  rmSync(folder, { recursive: true, force: true })
})

const add = (id: string, afterMs = 2) => {
  clock.advance(afterMs)
  return log.append(
    { time: '2026-11-30T12:00:00.000Z', id } as unknown as RequestRecord,
    { prompt: [{ channel: 'user', text: 'hello' }] } as unknown as RecordContent,
  )
}

async function recorded(): Promise<unknown[]> {
  const all = []
  for await (const line of readLog(file)) {
    const { id, event } = JSON.parse(line) as { id?: string; event?: string }
    all.push(id ?? event)
  }
  return all
}
async function gap(): Promise<Record<string, unknown> | undefined> {
  for await (const line of readLog(file)) if (line.includes('"event":"gap"')) return JSON.parse(line)
  return undefined
}
/** After the second in which the log is not tried again. */
async function mended(): Promise<void> {
  expect(log.writable()).toBe(false)
  clock.advance(1000)
  expect(log.writable()).toBe(true)
  await add('d')
}

const removals: readonly (readonly [string, () => void, RegExp])[] = [
  ['deleted', () => rmSync(file), /deleted or renamed/],
  ['renamed', () => renameSync(file, join(folder, 'audit.old')), /deleted or renamed/],
  [
    'renamed, with an empty one in its place',
    () => {
      renameSync(file, `${file}.1`)
      writeFileSync(file, '', { mode: 0o644 })
    },
    /replaced/,
  ],
  [
    'replaced by another file',
    () => {
      writeFileSync(`${file}.new`, 'a file of somebody')
      renameSync(`${file}.new`, file)
    },
    /replaced/,
  ],
]

describe.each(removals)('a log that was %s', (_how, remove, why) => {
  it('takes no record for written, says so, and goes on whole in a new file', async () => {
    remove()
    await expect(add('c')).rejects.toThrow(why)
    expect(reports.join()).toMatch(why)
    await mended()
    await log.close()
    expect(await recorded()).toEqual(['started', 'a', 'b', 'gap', 'd', 'stopped'])
    expect(await gap()).toMatchObject({
      reason: expect.stringMatching(why),
      unrecorded: 1,
      restored: 'audit.jsonl.000000000001',
    })
    expect((await verifyLog(file)).bad).toBeUndefined()
    expect(statSync(file).mode & 0o777).toBe(0o600)
  })

  it('is noticed without any request', async () => {
    remove()
    await until(() => reports.some((report) => why.test(report)))
    expect(log.writable()).toBe(false)
  })

  it('is not made a segment of by a rotation', async () => {
    remove()
    expect(log.rotate()).toBe(false)
    await expect(add('c')).rejects.toThrow(why)
    await mended()
    expect((await verifyLog(file)).bad).toBeUndefined()
  })
})

describe('a log that was truncated', () => {
  it('as copytruncate does takes no record for written, and says which are gone', async () => {
    copyFileSync(file, `${file}.1`)
    truncateSync(file, 0)
    await expect(add('c')).rejects.toThrow(/truncated/)
    await mended()
    await log.close()
    expect(await recorded()).toEqual(['gap', 'd', 'stopped'])
    expect(await gap()).toMatchObject({ reason: 'the log was truncated', first: 1, last: 3, unrecorded: 1 })
    expect((await verifyLog(file)).bad?.why).toBe(
      'records 1 to 3 are missing: the log was cut while the gate ran',
    )
  })

  it('in the middle of a record keeps what is whole', async () => {
    truncateSync(file, statSync(file).size - 10)
    await expect(add('c')).rejects.toThrow(/truncated/)
    await mended()
    await log.close()
    expect(await recorded()).toEqual(['started', 'a', 'gap', 'repair', 'd', 'stopped'])
    expect(await gap()).toMatchObject({ first: 3, last: 3 })
    expect((await verifyLog(file)).bad?.why).toMatch(/^records 3 to 3 are missing/)
  })
})

describe('what was written between two looks', () => {
  it.each([
    ['deleted', () => rmSync(file), ['started', 'a', 'b', 'c', 'gap', 'd', 'stopped']],
    ['truncated', () => truncateSync(file, 0), ['c', 'gap', 'd', 'stopped']],
  ])('is not lost when the log was %s', async (_how, take, all) => {
    take()
    await add('c', 0)
    await expect(add('x')).rejects.toThrow()
    await mended()
    await log.close()
    expect(await recorded()).toEqual(all)
  })
})

describe('a log into which something else wrote', () => {
  it('half a line is cut off, and told', async () => {
    appendFileSync(file, 'half a line')
    await expect(add('c')).rejects.toThrow(/another process wrote/)
    await mended()
    await log.close()
    expect(await recorded()).toEqual(['started', 'a', 'b', 'gap', 'repair', 'd', 'stopped'])
    expect((await verifyLog(file)).bad).toBeUndefined()
  })

  it('a line stays for verify to name', async () => {
    appendFileSync(file, '{"seq":4,"id":"forged"}\n')
    await expect(add('c')).rejects.toThrow(/another process wrote/)
    await mended()
    await log.close()
    expect((await verifyLog(file)).bad?.why).toMatch(/is not a sealed record/)
    expect(await recorded()).not.toContain('c')
  })
})

describe('a log whose writer another process replaced', () => {
  it('is written by one of the two at any time', async () => {
    rmSync(`${file}.lock`)
    // The other one comes to hold it in spite of all.
    const lock = await acquireLock(file, { processes, patienceMs: 0 })
    await until(() => reports.some((report) => report.includes('another gateway')))
    await expect(add('c')).rejects.toThrow(/another gateway/)
    clock.advance(1000)
    expect(log.writable()).toBe(false)
    lock.release()
    await mended()
    await log.close()
    expect(await recorded()).toEqual(['started', 'a', 'b', 'gap', 'd', 'stopped'])
    expect((await verifyLog(file)).bad).toBeUndefined()
  })
})

describe('an outage', () => {
  it('is tried once a second and told once, however long it lasts', async () => {
    renameSync(folder, `${folder}.away`)
    for (let second = 0; second < 5; second++) {
      await expect(add('c')).rejects.toThrow()
      clock.advance(1000)
    }
    expect(reports.length).toBeLessThanOrEqual(2)
    renameSync(`${folder}.away`, folder)
    expect(log.writable()).toBe(true)
    expect(await gap()).toMatchObject({ unrecorded: 5 })
    expect(existsSync(`${file}.next`)).toBe(false)
    expect(readdirSync(folder).filter((name) => name.endsWith('.tmp'))).toEqual([])
    expect(readFileSync(file, 'utf8')).not.toContain('"id":"c"')
  })
})
