/** What records refer to, resolved: however deep, whatever was forgotten, and whatever a log claims. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createReferenceResolver } from '../../src/audit/query/references.ts'
import type { Entry } from '../../src/audit/write/entry.ts'

let folder: string
let file: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'torwart-references-'))
  file = join(folder, 'audit.jsonl')
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const entryOf = (seq: number, prompt: unknown, more: object = {}): Entry => ({
  seq,
  time: '2026-11-22T12:00:00Z',
  hash: 'h',
  identity: { kind: 'key', id: 'a', name: 'a', role: 'r' },
  salt: 's',
  prompt,
  peer: 'p',
  ...more,
})
const text = (words: string) => ({ channel: 'user', text: words })

/** @returns the last entry, resolved */
async function resolved(entries: readonly Entry[], max?: number): Promise<{ prompt: object[] } & Entry> {
  const resolver = createReferenceResolver(file, max)
  let line = ''
  for (const entry of entries) {
    resolver.see(entry, '')
    line = await resolver.resolve({ line: JSON.stringify(entry), chain: '' }, entry)
  }
  return JSON.parse(line) as { prompt: object[] } & Entry
}

describe('references', () => {
  it('are resolved over references, and each text says where it stands', async () => {
    const { prompt, salt, ...rest } = await resolved([
      entryOf(1, [text('one'), text('two')]),
      entryOf(2, [{ ref: [1, 1] }, text('three')]),
      entryOf(3, [{ ref: [2, 0, 2] }, text('four')]),
    ])
    expect(prompt).toEqual([{ ref: [1, 1], ...text('two') }, { ref: [2, 1], ...text('three') }, text('four')])
    expect(salt).toBeUndefined()
    expect(Object.keys(rest)).toEqual(['seq', 'time', 'hash', 'identity', 'peer'])
  })

  it('leave a line alone that has none', async () => {
    const entry = entryOf(1, [text('one')])
    const line = ` ${JSON.stringify(entry)}`
    expect(await createReferenceResolver(file).resolve({ line, chain: '' }, entry)).toBe(line)
  })

  it('are resolved however deep they go', async () => {
    const entries = Array.from({ length: 20_000 }, (_, at) =>
      entryOf(
        at + 1,
        at === 0 ? [text('first')] : [{ ref: [at, 0, at === 1 ? 1 : 2] }, text(`${at}`)].slice(0, 2),
      ),
    )
    const resolver = createReferenceResolver(file)
    for (const entry of entries) resolver.see(entry, '')
    const last = entries.at(-1) as Entry
    const { prompt } = JSON.parse(await resolver.resolve({ line: '', chain: '' }, last)) as {
      prompt: object[]
    }
    expect(prompt).toHaveLength(20_000)
    expect(prompt[0]).toEqual({ ref: [1, 0], ...text('first') })
  })

  it('to an erased record say by which erasure, and to what is not there stay', async () => {
    const { prompt } = await resolved([
      entryOf(1, undefined, { erased: 'abc' }),
      entryOf(2, [{ ref: [1, 0] }, text('two')]),
      entryOf(3, [
        { ref: [2, 0, 2] },
        { ref: [7, 0] },
        { ref: [3, 0] },
        { ref: [2, 5] },
        { ref: 'x' },
        { ref: [2, 0, 0] },
      ]),
    ])
    expect(prompt).toEqual([
      { ref: [1, 0], erased: 'abc' },
      { ref: [2, 1], ...text('two') },
      { ref: [7, 0] },
      { ref: [3, 0] },
      { ref: [2, 5] },
      { ref: 'x' },
      { ref: [2, 0, 0] },
    ])
  })

  it.each([
    ['the active segment', (lines: string) => writeFileSync(file, lines)],
    ['a closed one', (lines: string) => writeFileSync(`${file}.000000000001.gz`, gzipSync(lines))],
  ])('to what was forgotten are read once more, from %s', async (_what, write) => {
    const other = { identity: { kind: 'key', id: 'b', name: 'b', role: 'r' } }
    const entries = [
      entryOf(1, [text('one')]),
      entryOf(2, [{ ref: [1, 0] }, text('two')]),
      ...Array.from({ length: 50 }, (_, at) => entryOf(at + 3, [text('other '.repeat(20))], other)),
      entryOf(53, [{ ref: [2, 0, 2] }]),
    ]
    write(entries.map((entry) => `${JSON.stringify(entry)}\n`).join(''))
    expect((await resolved(entries, 2000)).prompt).toEqual([
      { ref: [1, 0], ...text('one') },
      { ref: [2, 1], ...text('two') },
    ])
  })

  it('stay within their chain', async () => {
    const resolver = createReferenceResolver(file)
    const words = ['the log', 'a worker']
    for (const [at, chain] of ['', 'w1'].entries()) resolver.see(entryOf(1, [text(words[at] ?? '')]), chain)
    const second = entryOf(2, [{ ref: [1, 0] }])
    const prompts = ['', 'w1', 'w2'].map(async (chain) => {
      const { prompt } = JSON.parse(await resolver.resolve({ line: '', chain }, second)) as {
        prompt: unknown
      }
      return prompt
    })
    expect(await Promise.all(prompts)).toEqual([
      [{ ref: [1, 0], ...text('the log') }],
      [{ ref: [1, 0], ...text('a worker') }],
      [{ ref: [1, 0] }],
    ])
  })

  it('that double with every record do not fill the memory', async () => {
    const twice = (seq: number, count: number) => [{ ref: [seq, 0, count] }, { ref: [seq, 0, count] }]
    const entries = Array.from({ length: 60 }, (_, at) =>
      entryOf(at + 1, at === 0 ? [text('x')] : twice(at, at === 1 ? 1 : 2)),
    )
    const resolver = createReferenceResolver(file)
    for (const entry of entries) resolver.see(entry, '')
    const { prompt } = JSON.parse(
      await resolver.resolve({ line: '', chain: '' }, entries.at(-1) as Entry),
    ) as { prompt: object[] }
    expect(prompt.length).toBeLessThan(70_000)
  })
})
