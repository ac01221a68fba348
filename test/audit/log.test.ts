/** The audit log: sealed, chained, repaired after crashes, and never silent about what is missing. */
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { verifyLog } from '../../src/audit/verify/verify.ts'
import { check, genesis, type Head, SealedLines } from '../../src/audit/write/chain.ts'
import { acquireLock, type LockOptions } from '../../src/audit/write/lock.ts'
import { type AuditLog, type AuditLogOptions, openAuditLog } from '../../src/audit/write/log.ts'
import type { RecordContent, RequestRecord } from '../../src/audit/write/record.ts'
import { stillClock } from '../rig/clock.ts'
import { processes } from '../rig/gate.ts'
import { seal } from '../rig/seal.ts'
import { until } from '../rig/wait.ts'

let folder: string
let file: string
const clock = stillClock(Date.parse('2026-11-22T12:00:00Z'))
const reports: string[] = []

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'torwart-audit-'))
  file = join(folder, 'audit.jsonl')
  reports.length = 0
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

async function open(more: Partial<AuditLogOptions & LockOptions> = {}): Promise<AuditLog> {
  mkdirSync(folder, { recursive: true })
  return openAuditLog({
    file,
    lock: await acquireLock(file, { processes, patienceMs: 300, ...more }),
    sync: 'group',
    clock,
    about: { version: 'test' },
    report: (problem) => reports.push(problem),
    ...more,
  })
}

/** As much of a record as the chain cares about. */
const add = (log: AuditLog, id: string, text = 'hello') =>
  log.append(
    { time: '2026-11-22T12:00:00.000Z', id } as unknown as RequestRecord,
    { prompt: [{ channel: 'user', text }] } as unknown as RecordContent,
  )

const lines = () => readFileSync(file, 'utf8').split('\n').filter(Boolean)
const parsed = () => lines().map((line) => JSON.parse(line) as Record<string, unknown>)
const events = () => parsed().flatMap(({ event }) => (typeof event === 'string' ? [event] : []))

/** What a crash leaves: the lock of a process that is gone, the head wherever it was. */
async function crash(log: AuditLog, change: () => void = () => {}): Promise<void> {
  const bytes = readFileSync(file)
  const head = readFileSync(`${file}.head`, 'utf8')
  const lock = JSON.parse(readFileSync(`${file}.lock`, 'utf8')) as object
  await log.close()
  writeFileSync(`${file}.lock`, JSON.stringify({ ...lock, started: 'before' }))
  writeFileSync(file, bytes)
  writeFileSync(`${file}.head`, head)
  change()
}

async function written(...ids: string[]): Promise<AuditLog> {
  const log = await open()
  for (const id of ids) await add(log, id)
  await until(() => {
    const { seq } = JSON.parse(readFileSync(`${file}.head`, 'utf8')) as { seq: number }
    return seq === ids.length + 1
  })
  return log
}

describe('a log', () => {
  it('is a chain with its own beginning and end, readable by its owner only', async () => {
    const log = await written('a', 'b')
    await log.close()
    expect(events()).toEqual(['started', 'stopped'])
    expect(parsed().map(({ seq }) => seq)).toEqual([1, 2, 3, 4])
    expect(parsed()[0]?.prev).toBe('0'.repeat(64))
    expect(
      parsed()
        .slice(1)
        .map(({ prev }) => prev),
    ).toEqual(
      parsed()
        .slice(0, -1)
        .map(({ hash }) => hash),
    )
    expect(statSync(file).mode & 0o777).toBe(0o600)
    expect(await verifyLog(file)).toEqual({ records: 4, bad: undefined, notes: [], headSeen: true })
  })

  it('goes on where it stopped', async () => {
    await (await written('a')).close()
    const log = await open()
    await add(log, 'b')
    await log.close()
    expect(events()).toEqual(['started', 'stopped', 'started', 'stopped'])
    expect((await verifyLog(file)).bad).toBeUndefined()
  })

  it('has a record with the kernel when append resolves', async () => {
    const log = await open()
    const append = add(log, 'a')
    expect(lines()).toHaveLength(1)
    await append
    expect(lines()).toHaveLength(2)
    await log.close()
  })

  it('shares one write between the records of one turn, in order', async () => {
    let writes = 0
    const log = await open({
      write: (handle, bytes) => {
        writes++
        return writeSync(handle, bytes)
      },
    })
    writes = 0
    await Promise.all(Array.from({ length: 50 }, (_, index) => add(log, `r${index}`)))
    expect(writes).toBe(1)
    expect(
      parsed()
        .slice(1)
        .map(({ id }) => id),
    ).toEqual(Array.from({ length: 50 }, (_, index) => `r${index}`))
    await log.close()
    expect((await verifyLog(file)).bad).toBeUndefined()
  })

  it.each([
    ['each', true],
    ['group', false],
  ] as const)('with sync: %s waits for the disk: %s', async (sync, waits) => {
    let release: (() => void) | undefined
    let resolved = false
    const log = await open({
      sync,
      datasync: () =>
        new Promise((resolve) => {
          release = resolve
        }),
    })
    const appended = add(log, 'a').then(() => {
      resolved = true
    })
    await until(() => release)
    await new Promise(setImmediate)
    expect(resolved).toBe(!waits)
    while (!resolved) {
      release?.()
      await new Promise(setImmediate)
    }
    await appended
    const closing = log.close()
    release?.()
    await closing
  })

  it('has one writer', async () => {
    const log = await open()
    await expect(open()).rejects.toThrow(/is being written by another process/)
    await log.close()
    await (await open()).close()
  })

  it('survives text that other splitters take for the end of a line', async () => {
    const log = await open()
    await add(log, 'a', 'one\u2028two\u2029three\r\nfour\u0085')
    await log.close()
    expect((await verifyLog(file)).bad).toBeUndefined()
  })
})

describe('a log whose folder was taken away', () => {
  it('cannot end in order, says so, and does not make the folder anew', async () => {
    const log = await written('a')
    rmSync(folder, { recursive: true })
    await expect(log.close()).rejects.toThrow(/ENOENT/)
    expect(existsSync(folder)).toBe(false)
  })
})

describe('after a crash', () => {
  it('a torn last line is cut off, and told', async () => {
    await crash(await written('a', 'b'), () => appendFileSync(file, '{"seq":4,"time":"2026'))
    await (await open()).close()
    expect(events()).toEqual(['started', 'repair', 'gap', 'started', 'stopped'])
    expect(parsed()[3]).toMatchObject({ event: 'repair', torn: { bytes: 21 } })
    const verdict = await verifyLog(file)
    expect(verdict.bad).toBeUndefined()
    expect(verdict.notes.join()).toContain('was not shut down cleanly')
  })

  it('a gap tells that the gateway was not shut down cleanly', async () => {
    await crash(await written('a'))
    await (await open()).close()
    expect(parsed()[2]).toMatchObject({ event: 'gap', since: '2026-11-22T12:00:00.000Z' })
    expect((await verifyLog(file)).bad).toBeUndefined()
  })

  it('more records than the head knows are fine', async () => {
    const log = await written('a')
    const head = readFileSync(`${file}.head`, 'utf8')
    await add(log, 'b')
    const bytes = readFileSync(file)
    await log.close()
    writeFileSync(file, bytes)
    writeFileSync(`${file}.head`, head)
    expect((await verifyLog(file)).bad).toBeUndefined()
  })

  it('a long last line is found again', async () => {
    const log = await open()
    await add(log, 'long', 'x'.repeat(500_000))
    await crash(log)
    await (await open()).close()
    expect((await verifyLog(file)).bad).toBeUndefined()
  })
})

describe('tampering', () => {
  const edit = (change: (all: string[]) => string[]) => writeFileSync(file, `${change(lines()).join('\n')}\n`)
  it.each([
    [
      'a changed letter',
      (all: string[]) => all.with(2, (all[2] ?? '').replace('hello', 'hallo')),
      3,
      /changed/,
    ],
    ['a removed record', (all: string[]) => all.toSpliced(2, 1), 3, /does not follow/],
    [
      'a record moved',
      (all: string[]) => [all[0], all[2], all[1], ...all.slice(3)].map(String),
      2,
      /does not follow/,
    ],
    ['a record twice', (all: string[]) => all.toSpliced(2, 0, all[1] ?? ''), 3, /does not follow/],
    ['a foreign line', (all: string[]) => all.toSpliced(1, 0, '{"seq":2}'), 2, /not a sealed record/],
  ])('by %s is named with its line', async (_what, change, line, why) => {
    await (await written('a', 'b', 'c')).close()
    edit(change)
    const { bad } = await verifyLog(file)
    expect(bad?.line).toBe(line)
    expect(bad?.why).toMatch(why)
  })

  it('by a record that is put behind an orderly end is named', async () => {
    await (await written('a')).close()
    const all = lines()
    const { seq, hash } = JSON.parse(all.at(-1) ?? '') as { seq: number; hash: string }
    writeFileSync(file, `${all.join('\n')}\n${seal({ id: 'forged' }, { seq, hash }).line}`)
    expect((await verifyLog(file)).bad?.why).toMatch(/follows the end of a run/)
  })

  it('by bytes that read the same when decoded leniently is seen', async () => {
    await (await written('b\ufffdc')).close()
    expect((await verifyLog(file)).bad).toBeUndefined()
    const bytes = readFileSync(file)
    const at = bytes.indexOf(Buffer.from('\ufffd'))
    writeFileSync(file, Buffer.concat([bytes.subarray(0, at), Buffer.from([0xff]), bytes.subarray(at + 3)]))
    expect((await verifyLog(file)).bad?.why).toMatch(/does not match/)
  })

  it('by cutting the end is seen in the head', async () => {
    await (await written('a', 'b', 'c')).close()
    edit((all) => all.slice(0, 2))
    expect((await verifyLog(file)).bad?.why).toBe('the log ends at record 2, but its head is record 5')
  })

  it('by cutting the end is still seen after the gate went on', async () => {
    await (await written('a', 'b', 'c')).close()
    edit((all) => all.slice(0, 2))
    await (await open()).close()
    expect(events()).toContain('gap')
    expect((await verifyLog(file)).bad?.why).toMatch(/records 3 to 5 are missing: the log was cut/)
  })

  it('by rewriting the whole chain is seen in the head', async () => {
    const log = await written('a')
    await log.close()
    const head = readFileSync(`${file}.head`, 'utf8')
    unlinkSync(file)
    unlinkSync(`${file}.head`)
    await (await written('x')).close()
    writeFileSync(`${file}.head`, head)
    expect((await verifyLog(file)).bad?.why).toMatch(/not the one that the head names/)
  })

  it('with the head gone is not taken for a whole log', async () => {
    await (await written('a')).close()
    unlinkSync(`${file}.head`)
    expect(await verifyLog(file)).toMatchObject({ bad: undefined, headSeen: false })
  })

  it('of the last record does not keep the gate from starting, and stays visible', async () => {
    await (await written('a')).close()
    edit((all) => all.with(-1, (all.at(-1) ?? '').replace('stopped', 'Stopped')))
    await (await open()).close()
    expect(events()).toContain('gap')
    expect((await verifyLog(file)).bad?.line).toBe(3)
  })
})

describe('a chain that was written anew while the gate was down', () => {
  const forge = (changed: string) => {
    let head = { seq: 0, hash: genesis }
    const links = parsed().map(({ seq: _s, prev: _p, hash: _h, content: _c, salt, prompt, ...fields }) => {
      const content = {
        prompt: JSON.parse(JSON.stringify(prompt ?? null).replace('hello', changed)) as unknown,
      }
      const link = seal(fields, head, typeof salt === 'string' ? { salt, content } : undefined)
      head = link
      return link.line
    })
    writeFileSync(file, links.join(''))
  }

  it('stays broken when the gate goes on, after an orderly end and after a crash', async () => {
    for (const end of [(log: AuditLog) => log.close(), (log: AuditLog) => crash(log)]) {
      rmSync(folder, { recursive: true })
      await end(await written('a', 'b'))
      forge('hallo')
      expect((await verifyLog(file)).bad).toBeDefined()
      await (await open()).close()
      expect((await verifyLog(file)).bad).toBeDefined()
    }
  })

  it('is not seen in a chain that is as it was', async () => {
    for (const end of [(log: AuditLog) => log.close(), (log: AuditLog) => crash(log)]) {
      rmSync(folder, { recursive: true })
      await end(await written('a', 'b'))
      forge('hello')
      await (await open()).close()
      expect((await verifyLog(file)).bad).toBeUndefined()
    }
  })
})

describe('a log that cannot be written', () => {
  it('rejects, leaves no half line, and tells how many went unrecorded when it can be written again', async () => {
    let full = false
    const log = await open({
      write: (handle, bytes) => {
        if (!full) return writeSync(handle, bytes)
        writeSync(handle, bytes.subarray(0, 10))
        throw Object.assign(new Error('no space left'), { code: 'ENOSPC' })
      },
    })
    await add(log, 'a')
    full = true
    await expect(add(log, 'b')).rejects.toThrow('no space left')
    await expect(add(log, 'b2')).rejects.toThrow('no space left')
    expect(log.writable()).toBe(false)
    expect(readFileSync(file, 'utf8').endsWith('\n')).toBe(true)
    clock.advance(1000)
    expect(log.writable()).toBe(false)
    full = false
    clock.advance(1000)
    expect(log.writable()).toBe(true)
    await add(log, 'c')
    await log.close()
    expect(parsed().find(({ event }) => event === 'gap')).toMatchObject({ unrecorded: 2 })
    expect(parsed().flatMap(({ id, event }) => id ?? event)).toEqual(['started', 'a', 'gap', 'c', 'stopped'])
    expect((await verifyLog(file)).bad).toBeUndefined()
    expect(reports).toContain('the audit log can be written again')
  })

  it('keeps the gate from starting', async () => {
    const broken = () => {
      throw new Error('read-only file system')
    }
    await expect(open({ write: broken })).rejects.toThrow(/cannot be written/)
    truncateSync(file, 0)
    await (await open()).close()
  })
})

describe('lines', () => {
  const texts = [
    'plain',
    'quotes " and \\ and \n',
    'ä€😀',
    '\ud800 alone',
    '\u0000\u2028',
    'x'.repeat(70_000),
  ]
  const cases = texts.flatMap((text) => [
    { fields: { time: 'now', id: text } },
    {
      fields: { time: 'now', id: 'a' },
      salted: { content: { prompt: [{ text }], peer: text }, salt: 'f'.repeat(32) },
    },
  ])

  it('are byte for byte what the first version wrote, and their hashes hold', () => {
    const lines = new SealedLines()
    // Twice: the bytes of the first time are still there.
    for (let round = 0; round < 2; round++) {
      lines.clear()
      let head: Head = { seq: 0, hash: genesis }
      let expected = ''
      for (const { fields, salted } of cases) {
        const { line, ...after } = seal(fields, head, salted)
        expect(lines.add(fields, head, salted)).toEqual(after)
        expected += line
        head = after
      }
      expect(lines.bytes.toString()).toBe(expected)
      for (const line of expected.split('\n').filter(Boolean)) expect(check(line)).not.toHaveProperty('wrong')
    }
  })
})

describe('a prompt that is made when its record is sealed', () => {
  const place = (log: AuditLog, places: object[]) =>
    log.append({ time: '2026-11-22T12:00:00.000Z', id: 'a' } as unknown as RequestRecord, {
      ...({} as RecordContent),
      prompt: (at) => {
        places.push(at)
        return [{ channel: 'user', text: `I am ${at.seq} of ${at.segment}` }]
      },
    })

  it('is told the number of the record, and the first of its segment, also when that begins just then', async () => {
    const log = await open()
    const places: object[] = []
    await Promise.all([place(log, places), place(log, places)])
    const waiting = place(log, places)
    log.rotate()
    await waiting
    const behind = place(log, places)
    clock.advance(86_400_000)
    await behind
    await log.close()
    expect(places).toEqual([
      { seq: 2, segment: 1 },
      { seq: 3, segment: 1 },
      { seq: 4, segment: 1 },
      { seq: 7, segment: 6 },
    ])
    expect(lines().join()).toContain('I am 7 of 6')
    expect((await verifyLog(file)).bad).toBeUndefined()
  })

  it('is told of a log that was taken away meanwhile, and nothing that failed stays known', async () => {
    let gone = 0
    const log = await open({ onGone: () => gone++ })
    const places: object[] = []
    await place(log, places)
    rmSync(file)
    clock.advance(5)
    await expect(place(log, places)).rejects.toThrow()
    expect(gone).toBe(1)
    await expect(place(log, places)).rejects.toThrow()
    clock.advance(2000)
    await place(log, places)
    await log.close()
    const [last] = places.slice(-1) as { seq: number; segment: number }[]
    expect(last?.segment).toBeGreaterThan(2)
    expect((await verifyLog(file)).bad).toBeUndefined()
  })
})
