/** What is stored about a key or a person: all of it, masked, and that it was asked for. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { mintKey } from '../../src/auth/api-keys/key.ts'
import { cli } from '../rig/cli.ts'
import { entryOf, type RunningGate, startGate } from '../rig/gate.ts'
import { type ModelServer, startModelServer } from '../rig/model-server.ts'

let model: ModelServer
let gate: RunningGate
const other = mintKey()
const chat = (content: string) => ({
  model: 'smollm2:135m',
  stream: false,
  messages: [{ role: 'user', content }],
})
const role = `    routes: [chat, models]
    models: ["smollm2:*"]
    person: { header: x-person-id }
`

const folder = mkdtempSync(join(tmpdir(), 'torwart-access-'))
const log = join(folder, 'audit.jsonl')

beforeAll(async () => {
  model = await startModelServer()
  gate = await startGate({
    upstream: model.url,
    role,
    keys: [entryOf(other.key, other.id)],
    admin: 'token: a-token-for-the-tests',
    auditFile: log,
    more: `audit: { file: ${log}, forward: [{ name: siem, url: "http://127.0.0.1:9", format: jsonl }] }`,
  })
  const said: [string, Record<string, string>][] = [
    ['My mail is jane.doe@example.org.', { 'x-person-id': 'Jane' }],
    ['Name three colours.', { 'x-person-id': 'bob' }],
    ['Name a tree.', { authorization: `Bearer ${other.key}` }],
  ]
  for (const [content, headers] of said)
    expect((await gate.post('/api/chat', chat(content), headers)).status).toBe(200)
})
afterAll(async () => {
  await gate?.close()
  await model?.close()
  rmSync(folder, { recursive: true, force: true })
})

interface Answer {
  readonly subject: object
  readonly key: { readonly id: string } | null
  readonly freezes: readonly object[]
  readonly summary: { readonly requests: number; readonly erased: number }
  readonly notCovered: readonly string[]
  readonly records: readonly {
    readonly event?: string
    readonly identity?: { readonly id: string }
    readonly person?: string
  }[]
}
const run = (...words: readonly string[]) => cli(['audit', ...words, '-c', gate.policyFile])
async function asked(...words: readonly string[]): Promise<Answer> {
  const { code, out } = await run('access-request', '--json', ...words)
  expect(code).toBe(0)
  return JSON.parse(out) as Answer
}

describe('torwart audit access-request', () => {
  it('tells everything that is stored about a person, and nothing of others', async () => {
    await cli(['freeze', 'person', 'jane', '--why', 'test', '-c', gate.policyFile])
    const byPrefix = await asked('--subject', 'person:JANE')
    const byOption = await asked('--person', 'jane')
    expect(byPrefix.summary).toMatchObject({ requests: 1 })
    expect(byOption.freezes).toEqual([
      expect.objectContaining({ kind: 'person', name: 'jane', frozen: true }),
    ])
    const requests = byPrefix.records.filter(({ event }) => event === undefined)
    expect(requests.map(({ person }) => person)).toEqual(['jane'])
    expect(JSON.stringify(requests)).toContain('<email')
    expect(JSON.stringify(byPrefix)).not.toContain('jane.doe')
    // The freeze is on record under a pseudonym, and found by it.
    expect(byOption.records.filter(({ event }) => event === 'frozen')).toHaveLength(1)
  })

  it('tells of a key: its entry, requests of its own only, freezes, what is not covered', async () => {
    const answer = await asked('--subject', other.id)
    expect(answer).toMatchObject({ subject: { kind: 'key', id: other.id }, key: { id: other.id } })
    expect(answer.summary.requests).toBe(1)
    const ids = answer.records.flatMap(({ identity }) => identity?.id ?? [])
    expect(new Set(ids)).toEqual(new Set([other.id]))
    expect(JSON.stringify(answer)).not.toContain('sha256')
    expect(answer.notCovered.join('\n')).toContain('siem')
    expect((await asked('--key', other.key)).subject).toEqual({ kind: 'key', id: other.id })
  })

  it('selects by a text what audit erase would', async () => {
    expect((await asked('--subject', 'three colours')).summary.requests).toBe(1)
    expect((await asked('--subject', 'no such text')).records).toEqual([])
  })

  it('puts each question on record, without the name of a person or the text', async () => {
    const events = gate.records().filter(({ event }) => event === 'access request')
    expect(events.length).toBe(6)
    expect(events[0]).toMatchObject({ by: 'tester', kind: 'person' })
    expect(JSON.stringify(events)).not.toMatch(/jane|colours/i)
  })

  it('is Markdown for people', async () => {
    const { out } = await run('access-request', '--key', gate.keyId)
    expect(out).toContain(`# What is stored about key ${gate.keyId}`)
    expect(out).toContain('## Not covered')
    expect(out).toMatch(/^ {4}\{"seq":/m)
  })

  it('says which requests were erased', async () => {
    await run('erase', '--identity', other.id, '--why', 'asked', '--admin', gate.admin)
    expect((await asked('--key', other.id)).summary).toMatchObject({ requests: 1, erased: 1 })
  })

  it.each([[[]], [['--key', 'a', '--person', 'b']], [['--person', 'not a person']]])(
    'refuses %j',
    async (words) => {
      expect((await run('access-request', ...words)).code).toBe(2)
    },
  )
})
