/** The chains of several workers, read, verified and erased as one log. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { type Audit, openAudit } from '../../src/audit/audit.ts'
import { chainsOf, workerChain } from '../../src/audit/chains.ts'
import { readChains } from '../../src/audit/query/read-chains.ts'
import { verifyChains, workerStarted } from '../../src/audit/verify/verify-chains.ts'
import type { RecordContent, RequestRecord } from '../../src/audit/write/record.ts'
import { cli } from '../rig/cli.ts'
import { stillClock } from '../rig/clock.ts'
import { policyText, processes } from '../rig/gate.ts'
import { until } from '../rig/wait.ts'

let folder: string
let file: string
let audits: Audit[]
const clock = stillClock(Date.parse('2026-11-22T12:00:00Z'))
const settings = {
  sync: 'group',
  segmentBytes: 1024 * 1024,
  retentionMs: 365 * 86_400_000,
  checkpoint: { records: 1000, everyMs: 60_000 },
} as const

const open = (chain: string) =>
  openAudit({ file: chain, settings, clock, processes, about: {}, patienceMs: 100, report: () => {} })

const add = (audit: Audit | undefined, id: string, text = 'hello') => {
  clock.advance(1000)
  return audit?.append(
    { time: new Date(clock.wallMs()).toISOString(), id } as unknown as RequestRecord,
    { prompt: [{ channel: 'user', text }] } as unknown as RecordContent,
  )
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'torwart-chains-'))
  file = join(folder, 'audit.jsonl')
  audits = []
  for (const chain of [file, workerChain(file, 1), workerChain(file, 2)]) audits.push(await open(chain))
  const [primary, one, two] = audits
  await primary?.event(workerStarted, { worker: 1 })
  await primary?.event(workerStarted, { worker: 2 })
  await add(one, 'a', 'Mrs Miller')
  await add(two, 'b')
  one?.rotate()
  await add(two, 'c', 'mrs miller')
  await add(one, 'd')
})
afterEach(async () => {
  await close()
  rmSync(folder, { recursive: true, force: true })
})
const close = async () => {
  for (const audit of audits.splice(0)) await audit.close()
}

const idsIn = (text: string) => [...text.matchAll(/"id":"(\w+)"/g)].map(([, id]) => id)

it('lists the chains of a log, and nothing else that lies beside it', async () => {
  for (const name of ['w0', 'w3x', 'w4.key', 'w5.7', 'w12345']) writeFileSync(`${file}.${name}`, '')
  expect(chainsOf(file)).toEqual([file, `${file}.w1`, `${file}.w2`])
  expect(chainsOf(`${file}.w1`)).toEqual([`${file}.w1`])
})

it('reads all chains by time, over their segments, and follows them and new ones', async () => {
  const found: string[] = []
  let looks = 0
  const reading = (async () => {
    for await (const { line, chain } of readChains(file, {
      wait: async () => {
        looks++
        await new Promise(setImmediate)
        return !found.includes('w3 g')
      },
    }))
      for (const id of idsIn(line)) found.push(`${chain} ${id}`)
  })()
  await until(() => looks > 0)
  expect(found).toEqual(['w1 a', 'w2 b', 'w2 c', 'w1 d'])
  await add(audits[2], 'e')
  await until(() => found.includes('w2 e'))
  await add(audits[1], 'f')
  audits.push(await open(workerChain(file, 3)))
  await add(audits[3], 'g')
  await reading
  expect(found.slice(4)).toEqual(['w2 e', 'w1 f', 'w3 g'])
})

it('gives one verdict: sums, and the first chain that is broken', async () => {
  const whole = await verifyChains(file)
  expect(whole).toMatchObject({ bad: undefined, headSeen: true })
  expect(whole.chains.map(({ file: chain }) => chain)).toEqual(chainsOf(file))
  expect(whole.records).toBe(whole.chains.reduce((sum, { records }) => sum + records, 0))
  const { proof = '', seq = 0 } = audits[2]?.checkpoint ?? {}
  await close()
  const verify = (...more: string[]) => cli(['audit', 'verify', file, ...more])
  expect((await verify()).out).toContain('in 3 chains, all intact')
  expect(await verify('--checkpoint', proof)).toMatchObject({ code: 0 })
  expect((await verify('--checkpoint', `${seq}:${'0'.repeat(64)}`)).code).toBe(1)
  writeFileSync(`${file}.w2`, readFileSync(`${file}.w2`, 'utf8').replace('"id":"b"', '"id":"x"'))
  const broken = await verify('--json')
  expect(broken.code).toBe(1)
  expect(JSON.parse(broken.out)).toMatchObject({ ok: false, bad: { file: `${file}.w2` } })
})

it('misses the chain of a worker that the log says has started', async () => {
  await close()
  for (const name of ['', '.head', '.key', '.pub', '.lock']) rmSync(`${file}.w2${name}`, { force: true })
  const { bad } = await verifyChains(file)
  expect(bad).toMatchObject({ file: `${file}.w2`, why: expect.stringContaining('worker 2 has started') })
})

it('says which chain a record is from, in every format, and leaves the files as they are', async () => {
  await close()
  const print = async (...words: string[]) => (await cli(['audit', ...words, '--id', 'd', file])).out.trim()
  const inFile =
    readFileSync(`${file}.w1`, 'utf8')
      .split('\n')
      .find((line) => line.includes('"id":"d"')) ?? ''
  expect(inFile).toMatch(/^\{"seq":/)
  for (const words of [['show', '--json'], ['export']])
    expect(await print(...words)).toBe(inFile.replace('{', '{"chain":"w1",'))
  const [head = '', row = ''] = (await print('export', '--format', 'csv')).split('\r\n')
  expect(row.split(',')[head.split(',').indexOf('chain')]).toBe('w1')
  expect(await print('export', '--format', 'cef')).toContain(' cs5Label=chain cs5=w1')
  expect(JSON.parse(await print('export', '--format', 'ecs'))).toMatchObject({ torwart: { chain: 'w1' } })
})

it('names no chain for the log itself', async () => {
  await close()
  const ofPrimary = readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line.includes(`"${workerStarted}"`))
  const print = async (format: string) =>
    (await cli(['audit', 'export', '--outcome', workerStarted, '--format', format, file])).out.trim()
  expect((await print('jsonl')).split('\n')).toEqual(ofPrimary)
  expect(`${await print('csv')}\r\n`.match(/,\r\n/g)).toHaveLength(2)
  expect(await print('cef')).not.toContain('cs5')
  expect(await print('ecs')).not.toContain('chain')
})

it('says it also of a record whose texts stand in an earlier one', async () => {
  const one = audits[1]
  const who = { identity: { kind: 'key', id: 'k', name: 'k', role: 'r' } }
  const put = (id: string, prompt: readonly object[]) =>
    one?.append(
      { time: new Date(clock.wallMs()).toISOString(), id, ...who } as unknown as RequestRecord,
      { prompt } as unknown as RecordContent,
    )
  await put('e', [{ channel: 'user', text: 'once' }])
  const seq = one?.head.seq ?? 0
  await put('f', [{ ref: [seq, 0] }])
  await close()
  const { out } = await cli(['audit', 'show', '--json', '--id', 'f', file])
  expect(JSON.parse(out)).toMatchObject({ chain: 'w1', prompt: [{ ref: [seq, 0], text: 'once' }] })
})

it('shows, exports and erases in all of them, under one id', async () => {
  await close()
  const config = join(folder, 'torwart.yaml')
  writeFileSync(config, policyText({ upstream: 'http://127.0.0.1:1' }))
  const shown = await cli(['audit', 'show', '--id', 'd', file])
  expect(shown.out).toMatch(/^w1:\d+ /m)
  expect(idsIn((await cli(['audit', 'export', '--id', '*', file])).out)).toEqual(['a', 'b', 'c', 'd'])
  const { out } = await cli(['audit', 'erase', '--subject', 'mrs miller', '--why', 'asked', '-c', config])
  const [, records, id] = /content of (\d+) records was erased \((\w+)\)/.exec(out) ?? []
  expect(records).toBe('2')
  const { out: erased } = await cli(['audit', 'export', '--id', '*', file])
  expect(erased.match(new RegExp(`"erased":"${id}"`, 'g'))).toHaveLength(2)
  expect((await verifyChains(file)).bad).toBeUndefined()
})
