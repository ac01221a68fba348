/** Events of commands wait in a file until whoever writes the log has recorded them. */
import { chownSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  announceEvent,
  createEventTaker,
  operatorEventsFile,
  waitingEvents,
} from '../../src/audit/write/operator-events.ts'

let folder = ''
let log = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'torwart-events-'))
  log = join(folder, 'audit.jsonl')
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

/** A log that may refuse. */
function recorder() {
  const events: (readonly [string, object])[] = []
  const state = { signs: true }
  const take = createEventTaker(log, {
    record: async (event, details) => void events.push([event, details]),
    sign: async () => {
      if (!state.signs) throw new Error('no room')
    },
  })
  return { events, state, take }
}

describe('an event of a command', () => {
  it('waits for its owner only, and is gone once it is on record', async () => {
    const operation = await announceEvent(log, 'access request', { by: 'alice', key: 'k' }, 0)
    expect(statSync(operatorEventsFile(log)).mode & 0o777).toBe(0o600)
    const { events, take } = recorder()
    expect(await take()).toBe(1)
    expect(events).toEqual([
      ['access request', { operation, done: '1970-01-01T00:00:00.000Z', by: 'alice', key: 'k' }],
    ])
    expect(existsSync(operatorEventsFile(log))).toBe(false)
    expect(await take()).toBe(0)
  })

  it.skipIf(process.getuid?.() !== 0)('is the gateway’s to read, though root has announced it', async () => {
    const owner = 12_345
    chownSync(folder, owner, owner)
    await announceEvent(log, 'access request', {})
    expect(statSync(operatorEventsFile(log)).uid).toBe(owner)
  })

  it('is recorded once, though nothing can be signed for a while', async () => {
    await announceEvent(log, 'incident opened', { why: 'w' })
    const { events, state, take } = recorder()
    state.signs = false
    await expect(take()).rejects.toThrow('no room')
    expect(waitingEvents(log)).toHaveLength(1)
    await announceEvent(log, 'incident closed', { why: 'w' })
    state.signs = true
    await take()
    expect(events.map(([event]) => event)).toEqual(['incident opened', 'incident closed'])
    expect(waitingEvents(log)).toEqual([])
  })

  it('holds reasons and names masked, and cannot pass anything off as the log’s own', async () => {
    const forged = { seq: 1, hash: 'x', event: 'checkpoint', proof: 'x', time: 'x' }
    await announceEvent(log, 'backup made', { ...forged, why: 'mail to jane.doe@example.org', by: 'b' })
    expect(readFileSync(operatorEventsFile(log), 'utf8')).not.toContain('jane.doe')
    const { events, take } = recorder()
    await take()
    expect(Object.keys(events[0]?.[1] ?? {}).toSorted()).toEqual(['by', 'done', 'operation', 'why'])
  })

  it.each(['checkpoint', 'erased', 'expired'])('may not be named %s', async (event) => {
    const events = [{ operation: '0'.repeat(12), event, at: 'x', details: {} }]
    writeFileSync(operatorEventsFile(log), JSON.stringify({ events }))
    const { take, events: recorded } = recorder()
    await expect(take()).rejects.toThrow('is not a file of events to be recorded')
    expect(recorded).toEqual([])
  })
})
