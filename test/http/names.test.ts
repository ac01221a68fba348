/** Names that a policy lists, in a running gate: in requests and answers on record, in streams, in arguments, and after a change. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type RunningGate, startGate } from '../rig/gate.ts'
import { likeOllama, type ModelServer, startModelServer } from '../rig/model-server.ts'
import { speakers } from '../rig/speakers.ts'
import { until } from '../rig/wait.ts'

let server: ModelServer
let gate: RunningGate
beforeAll(async () => {
  const speaker = speakers.find(({ name }) => name === 'ollama chat, streamed')
  if (!speaker) throw new Error('no speaker')
  server = await startModelServer(async (seen, response) => {
    if (seen.method === 'GET') return likeOllama(seen, response)
    const said = {
      content: 'Anna Müllers house, and Bob Stone too.',
      thinking: 'Müller, Anna it is',
      args: JSON.stringify({ who: ['Anna Müller'], n: 1 }),
      second: 'So.',
    }
    response.writeHead(200, { 'content-type': speaker.contentType })
    response.end(speaker.speak(said, (text) => text.match(/[\s\S]{1,3}/g) ?? []))
  })
  gate = await startGate({ upstream: server.url })
  writeFileSync(join(gate.folder, 'people.txt'), 'Anna Müller\n')
  const policy = readFileSync(gate.policyFile, 'utf8')
  const guards = 'guards: { output: { pii: redact }, pii: { names: known, namesFile: people.txt } }'
  writeFileSync(gate.policyFile, `${policy}\n${guards}\n`)
  gate.reload()
})
afterAll(async () => {
  await gate.close()
  await server.close()
})

async function ask(): Promise<string> {
  const messages = [{ role: 'user', content: 'Who is anna müller? Not Bob Stone.' }]
  const response = await gate.post('/api/chat', { model: 'smollm2:135m', messages, stream: true })
  return response.text()
}

const contentOf = (lines: string, key: 'content' | 'thinking') =>
  lines
    .trim()
    .split('\n')
    .map((line) => (JSON.parse(line) as { message?: Record<string, string> }).message?.[key] ?? '')
    .join('')

it('are redacted in a stream, and masked in the record of request, answer and arguments', async () => {
  const seen = await ask()
  expect(contentOf(seen, 'content')).toBe('[redacted:name]s house, and Bob Stone too.')
  expect(contentOf(seen, 'thinking')).toBe('[redacted:name] it is')
  expect(seen).not.toMatch(/Anna|Müller/)
  const record = JSON.stringify(gate.requests().at(-1))
  expect(record).not.toMatch(/anna|müller/i)
  expect(record).toContain('Who is <name:1>? Not Bob Stone.')
})

it('are others as soon as the file is', async () => {
  writeFileSync(join(gate.folder, 'people.txt'), 'Bob Stone\n')
  await until(async () => contentOf(await ask(), 'content').includes('and [redacted:name] too.'))
  expect(JSON.stringify(gate.requests().at(-1))).toContain('Who is anna müller? Not <name:1>.')
})
