/** What was used, from a log: rows, sums, prices, and the same from the admin API. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { cli } from '../rig/cli.ts'
import { type RunningGate, startGate } from '../rig/gate.ts'
import { type ModelServer, startModelServer } from '../rig/model-server.ts'
import { until } from '../rig/wait.ts'

const token = 'a-token-for-the-tests'
let model: ModelServer
let gate: RunningGate
beforeAll(async () => {
  model = await startModelServer()
  gate = await startGate({
    upstream: model.url,
    admin: `token: ${token}`,
    more: 'prices: { "smollm2:*": { input: 1000, output: 2000000 } }\n',
  })
})
afterAll(async () => {
  await gate.close()
  await model.close()
})

interface Row {
  readonly requests: number
  readonly [name: string]: unknown
}
const rowsOf = async (...words: string[]) => {
  const { out } = await cli(['usage', '--json', ...words, '-c', gate.policyFile])
  return (JSON.parse(out) as { rows: Row[] }).rows
}
const api = (query: string) =>
  fetch(`${gate.admin}/admin/v1/usage${query}`, { headers: { authorization: `Bearer ${token}` } })

/** A log with these records, as far as they matter. */
function logOf(records: readonly object[]): string {
  const file = join(gate.folder, 'other.jsonl')
  const lines = records.map((record, index) =>
    JSON.stringify({
      seq: index + 1,
      time: '2026-11-05T10:00:00.000Z',
      hash: 'x',
      ending: { kind: 'answered' },
      ...record,
    }),
  )
  writeFileSync(file, `${lines.join('\n')}\n`)
  return file
}
const by = (id: string, role = 'agent') => ({ identity: { kind: 'key', id, name: id, role } })
const all = ['--since', '2026-11-01']

describe('torwart usage', () => {
  it('sums up what a gateway has recorded, and what it cost', async () => {
    const chat = { model: 'smollm2:135m', stream: false, messages: [{ role: 'user', content: 'go' }] }
    const response = await gate.post('/api/chat', chat)
    const answer = (await response.json()) as Record<string, number>
    const { prompt_eval_count: input, eval_count: output } = answer
    const { prompt_eval_duration: read = 0, eval_duration: said = 0 } = answer
    await (await gate.post('/api/chat', { ...chat, model: 'other' })).arrayBuffer()
    const row = {
      requests: 2,
      refused: 1,
      refusals: { model_not_allowed: 1 },
      inputTokens: input,
      outputTokens: output,
      cost: (input ?? 0) / 1000 + (output ?? 0) * 2,
      unpricedTokens: 0,
      gpuSeconds: Math.round((read + said) / 1e6) / 1000,
    }
    expect(row.gpuSeconds).toBeGreaterThan(0)
    await until(async () => (await rowsOf())[0]?.requests === 2)
    expect(await rowsOf()).toEqual([{ key: gate.keyId, ...row }])
    expect(await (await api('')).json()).toEqual({ rows: [{ key: gate.keyId, ...row }] })
    expect((await rowsOf('--by', 'model')).map(({ model, requests }) => [model, requests])).toEqual([
      ['smollm2:135m', 1],
      [null, 1],
    ])
  })

  it('counts a token for its key, a day for itself, and a price for the models that it is of', async () => {
    const file = logOf([
      {
        ...by('one'),
        model: { asked: 'a', served: 'smollm2:1b' },
        upstream: 'local',
        group: 'research',
        usage: { input: 1000, output: 1, gpuMs: 1500.4 },
      },
      {
        identity: { ...by('tk').identity, from: ['one'] },
        usage: { input: 5, output: 5 },
        model: { asked: 'b', served: 'b' },
      },
      { ...by('two', 'user'), time: '2026-11-06T00:00:00.000Z', ending: { kind: 'refused', code: 'frozen' } },
      { event: 'checkpoint' },
    ])
    const tokens = { inputTokens: 1005, outputTokens: 6, unpricedTokens: 10, cost: 3 }
    expect(await rowsOf(file, ...all)).toMatchObject([
      { key: 'one', requests: 2, refused: 0, ...tokens },
      { key: 'two', requests: 1, refused: 1, cost: 0 },
    ])
    expect((await rowsOf(file, '--by', 'role', ...all)).map(({ role }) => role)).toEqual(['agent', 'user'])
    expect(await rowsOf(file, '--by', 'group', ...all)).toMatchObject([
      { group: 'research', requests: 1, gpuSeconds: 1.5 },
      { group: null, requests: 2, gpuSeconds: null },
    ])
    expect(await rowsOf(file, '--by', 'day', ...all)).toMatchObject([
      { day: '2026-11-05', requests: 2 },
      { day: '2026-11-06', requests: 1 },
    ])
    expect(await rowsOf(file, '--until', '2026-11-05T23:00:00Z', ...all)).toHaveLength(1)
  })

  it('does not sum up more rows than a page can hold', async () => {
    const file = logOf(Array.from({ length: 10_020 }, (_, index) => by(`k${index}`)))
    const rows = await rowsOf(file, ...all)
    expect(rows).toHaveLength(10_001)
    expect(rows.find(({ key }) => key === '(others)')?.requests).toBe(20)
  })

  it('prints CSV that no spreadsheet takes for a formula', async () => {
    const file = logOf([by('=cmd()')])
    const { out } = await cli(['usage', file, '--csv', ...all, '-c', gate.policyFile])
    expect(out).toBe(
      'key,requests,refused,inputTokens,outputTokens,cost,unpricedTokens,gpuSeconds\r\n"\'=cmd()",1,0,0,0,0,0,\r\n',
    )
  })

  it('prints at least four decimals of a cost, and two digits of a small one', async () => {
    const spent = (id: string, input: number) => ({
      ...by(id),
      model: { asked: 'a', served: 'smollm2:1b' },
      upstream: 'local',
      usage: { input, output: 0 },
    })
    const policyFile = join(gate.folder, 'cheap.yaml')
    writeFileSync(
      policyFile,
      readFileSync(gate.policyFile, 'utf8').replace(
        /^prices:.*$/m,
        'prices: { "smollm2:*": { input: 1, output: 2 } }',
      ),
    )
    const inputs = [0, 4, 24, 240, 2400, 1_234_567]
    const file = logOf(inputs.map((input) => spent(`k${input}`, input)))
    const { out } = await cli(['usage', file, ...all, '-c', policyFile])
    const costs = Object.fromEntries(
      out
        .split('\n')
        .slice(1, -1)
        .map((line) => line.trim().split(/ +/))
        .map((cells) => [cells[0], cells.at(-1)]),
    )
    expect(costs).toEqual({
      k0: '0.0000',
      k4: '0.000004',
      k24: '0.000024',
      k240: '0.00024',
      k2400: '0.0024',
      k1234567: '1.2346',
    })
  })

  it.each([
    [['--csv', '--json'], 'Give either --csv or --json'],
    [['--by', 'mood'], '--by must be one of'],
    [['--since', 'soon'], '--since must be'],
  ])('refuses %j', async (words, message) => {
    const { code, err } = await cli(['usage', ...words, '-c', gate.policyFile])
    expect([code, err]).toEqual([2, expect.stringContaining(message)])
  })
})

describe('GET /admin/v1/usage', () => {
  it.each(['?by=mood', '?since=soon', '?more=1'])('refuses %s', async (query) => {
    expect((await api(query)).status).toBe(400)
  })

  it('needs the token', async () => {
    expect((await fetch(`${gate.admin}/admin/v1/usage`)).status).toBe(401)
  })
})
