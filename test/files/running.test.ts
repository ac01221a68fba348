/** What a running gate tells beside its log. */
import { lstatSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { announce, runningGate } from '../../src/files/running.ts'

it('is not written through a link that somebody has put in its place', () => {
  const folder = mkdtempSync(join(tmpdir(), 'torwart-running-'))
  const precious = join(folder, 'precious')
  writeFileSync(precious, 'of somebody else')
  const log = join(folder, 'audit.jsonl')
  for (const name of ['running.json', 'running.json.tmp']) symlinkSync(precious, `${log}.${name}`)
  const state = { taken: { keys: '', revoked: '', freezes: '', lock: '', exceptions: '' }, models: null }
  const problems: unknown[] = []
  const end = announce(
    log,
    process.pid,
    () => state,
    (error) => problems.push(error),
  )
  expect(problems).toEqual([])
  expect(readFileSync(precious, 'utf8')).toBe('of somebody else')
  expect(runningGate(log, () => true)).toMatchObject(state)
  expect(lstatSync(`${log}.running.json`).mode & 0o777).toBe(0o600)
  end()
  rmSync(folder, { recursive: true })
})
