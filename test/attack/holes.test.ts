/** A policy with three holes: the attacks find these three and no other. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { cli, type Ran } from '../rig/cli.ts'

const policyText = `version: 1
upstreams: [{ name: local, url: "http://127.0.0.1:11434", kind: ollama }]
roles:
  team:
    routes: [chat, completions, models]
    models: ["llama3.2", "qwen3:*"]
    tools: { allow: [read_page], approve: [pay], arguments: { pay: { amount: { max: 100 } } } }
    limits: { requestsPerMinute: unlimited, probesPerMinute: 5, concurrent: 2, waiting: 1, actionsPerMinute: 300 }
guards:
  prompt: { mode: observe }
  output: { secrets: off }
`

let folder: string
let ran: Ran
let page: string
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'torwart-test-'))
  const file = join(folder, 'torwart.yaml')
  page = join(folder, 'report.html')
  writeFileSync(file, policyText)
  ran = await cli(['attack', '-c', file, '--json', '--html', page])
}, 240_000)
afterAll(() => rmSync(folder, { recursive: true, force: true }))

interface Json {
  tried: number
  stopped: number
  through: { id: string; owasp: string[]; what: string }[]
  holes: { close: string; attacks: string[] }[]
  admitted: { id: string; by: string }[]
  unclear: unknown[]
}

describe('a policy with three holes', () => {
  it('is attacked through exactly these', () => {
    const { holes, through, unclear } = JSON.parse(ran.out) as Json
    expect(ran.code).toBe(1)
    const keys = holes.map(({ close }) => /`([a-zA-Z.]+)/.exec(close)?.[1])
    expect(keys.toSorted()).toEqual([
      'guards.output.mode',
      'guards.prompt.mode',
      'roles.NAME.limits.requestsPerMinute',
    ])
    const kinds = new Set(through.map(({ id }) => id.replace(/\..*$/, '')))
    expect([...kinds].toSorted()).toEqual(['disguise', 'injection', 'limits', 'response'])
    expect(through.filter(({ id }) => id.startsWith('response.')).map(({ id }) => id)).toEqual([
      'response.secret',
      'response.secret-stream',
      'response.secret-anthropic',
      'response.secret-responses',
      'response.secret-completion',
      'response.password',
      'response.private-key',
      'response.secret-in-call',
    ])
    expect(through.every(({ owasp, what }) => owasp.length > 0 && what !== '')).toBe(true)
    expect(unclear).toEqual([])
  })

  it('adds up', () => {
    const { tried, stopped, through, admitted } = JSON.parse(ran.out) as Json
    expect(tried).toBe(stopped + through.length + admitted.length)
    expect(admitted.every(({ by }) => /^(README|deploy\/threat-model)\.md#/.test(by))).toBe(true)
  })

  it('gets a page without scripts that says how to close each', () => {
    const html = readFileSync(page, 'utf8')
    expect(html).toContain('guards.prompt.mode: enforce')
    expect(html).toContain('LLM01:2025')
    expect(html).not.toMatch(/<script|https?:\/\/(?!www\.w3)[^"<]*"/)
  })
})

describe('attacks on a running gateway', () => {
  it.each([
    [['--against', 'http://127.0.0.1:1'], /needs --key-file/],
    [['--against', 'nonsense', '--key-file', 'x'], /must be the http or https URL/],
    [['--scenario', 'nothing'], /must be one of tickets, support-chat, clinic, poisoned-model, all/],
    [['--suite', '/nowhere'], /cannot be read/],
  ])('%j are refused', async (words, message) => {
    const { code, err } = await cli(['attack', ...words])
    expect([code, err]).toEqual([2, expect.stringMatching(message)])
  })
})
