/** One writer a log, whatever becomes of the file that says so. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { acquireLock, isLocked, keepMs, type Lock } from '../../src/audit/write/lock.ts'
import { processes } from '../rig/gate.ts'

let folder: string
let file: string
let path: string
const held: Lock[] = []
const hourMs = 3_600_000

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'torwart-lock-'))
  file = join(folder, 'audit.jsonl')
  path = `${file}.lock`
})
afterEach(() => {
  for (const lock of held.splice(0)) lock.release()
  rmSync(folder, { recursive: true, force: true })
})

/** Short patience: of holders that are watched here, none gives a sign of life by itself. */
const patienceMs = 300
async function acquire(): Promise<Lock> {
  const lock = await acquireLock(file, { processes, patienceMs })
  held.push(lock)
  return lock
}
const refused = /audit\.jsonl is being written by another process \(\d+ on \S+\); stop it/
const lockFiles = () => readdirSync(folder).filter((name) => name.includes('.lock'))

/** A lock as another process would have written it. */
async function lockOf(change: object): Promise<string> {
  const lock = await acquire()
  const own = JSON.parse(readFileSync(path, 'utf8')) as object
  lock.release()
  return JSON.stringify({ ...own, ...change })
}
const touch = (atMs: number) => utimesSync(path, atMs / 1000, atMs / 1000)
/** A log whose writer did not stop. */
const running = () => writeFileSync(file, '{"event":"started"}\n')

describe('a lock that nobody holds does not block a start:', () => {
  it.each([
    ['empty', ''],
    ['torn', '{"host":'],
    ['not a lock', 'nonsense'],
  ])('%s, just made or dated in the future', async (_what, text) => {
    for (const atMs of [Date.now(), Date.now() + hourMs]) {
      writeFileSync(path, text)
      touch(atMs)
      expect(await isLocked(file, { processes })).toBe(false)
      ;(await acquire()).release()
    }
    expect(lockFiles()).toEqual([])
  })

  it.each([
    ['of a process that is gone', { pid: 999_999, started: '1' }],
    ['of a process with our number from before', { started: 'before' }],
    ['of another host that gives no sign of life', { host: 'elsewhere' }],
    ['of another container that gives no sign of life', { space: 'another' }],
  ])('%s, dated in the future', async (_what, change) => {
    writeFileSync(path, await lockOf(change))
    touch(Date.now() + hourMs)
    ;(await acquire()).release()
  })

  it('of an earlier version', async () => {
    writeFileSync(path, JSON.stringify({ host: 'elsewhere', pid: 1, started: '1' }))
    ;(await acquire()).release()
  })
})

describe('a lock that is held', () => {
  it('is told by the process and names no file to delete', async () => {
    await acquire()
    await expect(acquire()).rejects.toThrow(refused)
    await expect(acquire()).rejects.not.toThrow(/\.lock/)
    expect(await isLocked(file, { processes })).toBe(true)
  })

  it('on another host is believed while it is touched, whatever its clock says', async () => {
    writeFileSync(path, await lockOf({ host: 'elsewhere' }))
    let atMs = Date.now() - hourMs
    const toucher = setInterval(() => {
      atMs += 1000
      touch(atMs)
    }, 20)
    try {
      await expect(acquire()).rejects.toThrow(/process \(\d+ on elsewhere\)/)
    } finally {
      clearInterval(toucher)
    }
  })

  it('is taken over by one of many when its holder is gone', async () => {
    writeFileSync(path, await lockOf({ pid: 999_999 }))
    const starts = await Promise.allSettled(Array.from({ length: 5 }, acquire))
    expect(starts.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    expect(lockFiles()).toEqual(['audit.jsonl.lock'])
  })
})

describe('a lock whose file was deleted', () => {
  it('is made anew by its holder', async () => {
    const lock = await acquire()
    const before = readFileSync(path, 'utf8')
    rmSync(path)
    expect(lock.keep()).toBe(true)
    expect(readFileSync(path, 'utf8')).toBe(before)
    writeFileSync(path, '')
    expect(lock.keep()).toBe(true)
    expect(readFileSync(path, 'utf8')).toBe(before)
  })

  it('keeps a second process out that starts before it is made anew', async () => {
    const lock = await acquire()
    running()
    rmSync(path)
    const second = acquireLock(file, { processes })
    const keeping = setInterval(() => lock.keep(), keepMs)
    try {
      await expect(second).rejects.toThrow(refused)
    } finally {
      clearInterval(keeping)
    }
  })

  it('tells its holder when another took it in spite of all', async () => {
    const lock = await acquire()
    const other = await lockOf({ host: 'elsewhere' }).catch(() => '')
    expect(other).toBe('')
    writeFileSync(path, readFileSync(path, 'utf8').replace(/"mark":"\w+"/, '"mark":"another"'))
    expect(lock.keep()).toBe(false)
    lock.release()
    expect(lockFiles()).toEqual(['audit.jsonl.lock'])
    rmSync(path)
    expect(lock.keep()).toBe(true)
  })

  it('does not delay the start of a log that ended in order', async () => {
    const begun = performance.now()
    ;(await acquireLock(file, { processes })).release()
    expect(performance.now() - begun).toBeLessThan(1000)
  })
})
