/** The file of pinned tool definitions: restarts, gateways that share it, its bounds, and what is not such a file. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { digestsOf, pinName } from '../../src/tool-policy/pins/digests.ts'
import { maxKeys, maxTools, readPins } from '../../src/tool-policy/pins/pin-file.ts'
import { openToolPins } from '../../src/tool-policy/pins/pins.ts'
import { until } from '../rig/wait.ts'

const folder = mkdtempSync(join(tmpdir(), 'torwart-pins-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

let count = 0
const fresh = () => join(folder, `${count++}.json`)
const open = (file: string, problems: string[] = []) =>
  openToolPins({ file, nowMs: () => 0, everyMs: 10, report: (problem) => problems.push(problem) })
const digest = (text: string) => digestsOf([{ name: 'x', description: text }]).get('x') ?? ''
const offering = (tool: string, text: string) => new Map([[tool, digest(text)]])

describe('pinned tools', () => {
  it('are known after a restart', async () => {
    const file = fresh()
    const before = open(file)
    expect(before.changed('key', offering('search', 'first'))).toEqual([])
    await before.close()
    const after = open(file)
    expect(after.changed('key', offering('search', 'second'))).toEqual(['search'])
    expect(after.changed('key', offering('search', 'first'))).toEqual([])
    await after.close()
  })

  it('are pinned for each key alone', async () => {
    const pins = open(fresh())
    pins.changed('one', offering('search', 'first'))
    expect(pins.changed('other', offering('search', 'second'))).toEqual([])
    await pins.close()
  })

  it('are those of the first to write, of two gateways that pin at once', async () => {
    const file = fresh()
    const [one, two] = [open(file), open(file)]
    one.changed('key', offering('search', 'first'))
    await one.close()
    two.changed('key', offering('search', 'second'))
    await until(() => two.changed('key', offering('search', 'second')).length === 1)
    expect(two.changed('key', offering('search', 'first'))).toEqual([])
    await two.close()
    expect(readPins(file)).toMatchObject([{ sha256: digest('first'), changed: { sha256: digest('second') } }])
  })

  it('are forgotten, the least recently offered first, beyond their bounds', async () => {
    const file = fresh()
    const pins = open(file)
    for (let tool = 0; tool <= maxTools; tool++) pins.changed('key', offering(`t${tool}`, 'a'))
    for (let key = 0; key < maxKeys; key++) pins.changed(`k${key}`, offering('search', 'a'))
    await pins.close()
    const kept = readPins(file)
    expect(new Set(kept.map(({ key }) => key)).size).toBe(maxKeys)
    expect(kept.filter(({ key }) => key === 'key')).toEqual([])
  })

  it('are not pushed out by others that are offered with them', async () => {
    const file = fresh()
    const pins = open(file)
    pins.changed('key', offering('search', 'first'))
    await until(() => readPins(file).length === 1)
    for (const round of ['a', 'b']) {
      const others = Array.from({ length: maxTools + 1 }, (_, at) => [`${round}${at}`, digest('x')] as const)
      expect(pins.changed('key', new Map([...others, ['search', digest('second')]]))).toEqual(['search'])
    }
    await pins.close()
    const again = open(file)
    expect(again.changed('key', offering('search', 'second'))).toEqual(['search'])
    await again.close()
  })

  it('stay in force while their file cannot be read, which is said once', async () => {
    const file = fresh()
    const problems: string[] = []
    const pins = open(file, problems)
    pins.changed('key', offering('search', 'first'))
    await until(() => readPins(file).length === 1)
    const whole = readFileSync(file, 'utf8')
    writeFileSync(file, '{ "pins": [')
    await until(() => problems.length > 0)
    expect(pins.changed('key', offering('search', 'second'))).toEqual(['search'])
    expect(problems).toHaveLength(1)
    writeFileSync(file, whole)
    await pins.close()
  })

  it.each([
    ['cut', '{"pins":['],
    ['of another kind', '{"keys":[]}'],
    ['with an unknown member', JSON.stringify({ pins: [], more: 1 })],
    [
      'with a short digest',
      JSON.stringify({ pins: [{ key: 'k', tool: 't', sha256: 'ab', since: '2026-01-01T00:00:00Z' }] }),
    ],
  ])('refuse to start from a file that is %s', (_, text) => {
    const file = fresh()
    writeFileSync(file, text)
    expect(() => open(file)).toThrow(TypeError)
  })
})

describe('a definition', () => {
  it('has one digest, in whatever order its members and its namesakes stand', () => {
    const [a, b] = [
      { name: 'x', description: 'a', parameters: { p: 1, q: 2 } },
      { name: 'x', description: 'b' },
    ]
    const turned = { parameters: { q: 2, p: 1 }, description: 'a', name: 'x' }
    expect(digestsOf([a, b])).toEqual(digestsOf([b, turned]))
    expect(digestsOf([a])).not.toEqual(digestsOf([a, b]))
  })

  it('is kept under a name that holds no secret', () => {
    expect(pinName('mcp__files.read-file')).toBe('mcp__files.read-file')
    for (const name of ['', 'a b', 'x'.repeat(200), `t_${'AKIA'}ABCDEFGHIJKLMNOP`])
      expect(pinName(name)).toMatch(/^~[0-9a-f]{32}$/)
  })
})
