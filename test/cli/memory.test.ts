/** The built program in the memory of its container (`docker-compose.yml`: 512 MB), before answers that would fill it. */
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { mintKey } from '../../src/auth/api-keys/key.ts'
import { writeKeyFile } from '../../src/auth/api-keys/key-file.ts'
import { listening, type Program, start } from '../rig/cli.ts'
import { entryOf, policyText } from '../rig/gate.ts'
import { likeOllama, type ModelServer, startModelServer } from '../rig/model-server.ts'

const megabytes = 60
const { id, key } = mintKey()
const million = 1_000_000
let model: ModelServer
let folder: string
let program: Program
let data: string

beforeAll(async () => {
  model = await startModelServer(async (seen, response) => {
    if (seen.url === '/api/embed')
      return repeat(
        response,
        '{"model":"all-minilm","embeddings":[',
        vectors,
        '[0.5]],"prompt_eval_count":8}',
      )
    if (seen.url === '/api/chat')
      return repeat(
        response,
        '{"model":"smollm2:135m","message":{"role":"assistant","content":"',
        words,
        '"},"done":true,"eval_count":1}',
      )
    return likeOllama(seen, response)
  })
  folder = mkdtempSync(join(tmpdir(), 'torwart-memory-'))
  const policy = join(folder, 'torwart.yaml')
  writeFileSync(policy, policyText({ upstream: model.url }))
  writeKeyFile(join(folder, 'keys.yaml'), [entryOf(key, id)])
  // What Node takes for its heap in such a container: half of it.
  program = start(['serve', '-c', policy], { NODE_OPTIONS: '--max-old-space-size=256' })
  while (!listening(program.output())) await once(program.process.stdout, 'data')
  data = listening(program.output())?.data ?? ''
}, 60_000)
afterAll(async () => {
  program.process.kill('SIGKILL')
  await model.close()
  rmSync(folder, { recursive: true, force: true })
})

const vectors = `[${'-0.0123456789,'.repeat(71_427)}1],`
/** Takes two bytes a letter in V8's heap. */
const words = 'Łaska świata jest pełna spokoju i ciszy, a nad nią szumi las. '
  .repeat(16_000)
  .slice(0, million)

/** A megabyte again and again, as fast as it is taken. */
async function repeat(response: ServerResponse, head: string, body: string, tail: string): Promise<void> {
  response.writeHead(200, { 'content-type': 'application/json; charset=utf-8' })
  response.write(head)
  let go = () => {}
  response.on('close', () => go()).on('drain', () => go())
  for (let count = 0; count < megabytes && !response.destroyed; count++)
    if (!response.write(body))
      await new Promise<void>((resolve) => {
        go = resolve
      })
  response.end(tail)
}

async function ask(path: string, body: object) {
  const response = await fetch(data + path, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  let length = 0
  let last = ''
  for await (const piece of response.body ?? []) {
    length += piece.length
    last = Buffer.from(piece).toString('latin1').slice(-1)
  }
  return { status: response.status, code: response.headers.get('x-torwart-code'), length, last }
}
const chat = (stream = false) =>
  ask('/api/chat', { model: 'smollm2:135m', stream, messages: [{ role: 'user', content: 'hi' }] })
const embed = () => ask('/api/embed', { model: 'all-minilm', input: Array(2000).fill('hi') })
/** Kilobytes of memory that it has ever taken. */
const peak = () =>
  Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${program.process.pid}/status`, 'utf8'))?.[1])
const endings = () =>
  readFileSync(join(folder, 'audit.jsonl'), 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as { event?: string; ending?: { kind: string; code: string | null } })
    .filter(({ event }) => event === undefined)
    .map(({ ending }) => ending?.code ?? ending?.kind)

describe('a gate in 512 MB', () => {
  it('passes on six answers of 60 MB of vectors at once', async () => {
    const answers = await Promise.all(Array.from({ length: 6 }, embed))
    for (const answer of answers) expect(answer).toMatchObject({ status: 200, last: '}' })
    expect(answers[0]?.length).toBeGreaterThan(0.99 * megabytes * million)
    expect(endings()).toEqual(Array(6).fill('answered'))
  }, 120_000)

  it('cuts a stream that is one line of 60 MB', async () => {
    expect(await chat(true)).toMatchObject({ status: 503, code: 'overloaded' })
  }, 120_000)

  it.each([1, 6])(
    'refuses %i chat answers of 60 MB, and goes on for everybody else',
    async (count) => {
      const before = endings().length
      const answers = await Promise.all(Array.from({ length: count }, () => chat()))
      for (const answer of answers) expect(answer).toMatchObject({ status: 503, code: 'overloaded' })
      expect(endings().slice(before)).toEqual(Array(count).fill('overloaded'))
      expect(program.process.exitCode).toBeNull()
      expect(peak()).toBeLessThan(512 * 1024)
    },
    120_000,
  )
})
