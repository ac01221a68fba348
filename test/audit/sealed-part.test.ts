import { expect, it } from 'vitest'
import { readEntry, readSealed } from '../../src/audit/write/entry.ts'

const sealed = {
  seq: 7,
  time: '2026-11-05T10:00:00.000Z',
  model: { asked: 'a","prev":"b', served: null },
  identity: { kind: 'key', id: 'k', name: ',"prev":"', role: 'agent' },
  usage: { input: 1, output: 2 },
}
const line = JSON.stringify({
  ...sealed,
  prev: 'x',
  hash: 'y',
  salt: 'z',
  person: 'erika',
  prompt: [{ text: 'hi' }],
})

it('reads what stays of a line, whatever its names say, and nothing that may be erased', () => {
  expect(readSealed(line)).toEqual(sealed)
  expect(readEntry(line)).toMatchObject({ ...sealed, person: 'erika' })
})

it('reads a line without a seam whole, and none that is cut off', () => {
  expect(readSealed(JSON.stringify({ ...sealed, person: 'erika' }))).toEqual({ ...sealed, person: 'erika' })
  expect(readSealed(line.slice(0, 60))).toBeUndefined()
  expect(readSealed('{"seq":1,"prev":"x"}')).toBeUndefined()
})
