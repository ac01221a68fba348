/** What was learned about anomalies survives the program: stopped, killed, with workers; and the command without a gateway. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, it } from 'vitest'
import type { Learning } from '../../src/anomalies/anomaly.ts'
import { mintKey } from '../../src/auth/api-keys/key.ts'
import { writeKeyFile } from '../../src/auth/api-keys/key-file.ts'
import { trainedState } from '../rig/anomalies.ts'
import { cli, listening, start } from '../rig/cli.ts'
import { entryOf, policyText } from '../rig/gate.ts'
import { startModelServer } from '../rig/model-server.ts'
import { freePort } from '../rig/redis.ts'
import { until } from '../rig/wait.ts'
import { startWorkers } from '../rig/workers.ts'

const open: (() => unknown)[] = []
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close()
})

async function program() {
  const model = await startModelServer()
  open.push(model.close)
  const folder = mkdtempSync(join(tmpdir(), 'torwart-anomalies-'))
  open.push(() => rmSync(folder, { recursive: true, force: true }))
  const policyFile = join(folder, 'torwart.yaml')
  writeFileSync(policyFile, policyText({ upstream: model.url }))
  const { id, key } = mintKey()
  writeKeyFile(join(folder, 'keys.yaml'), [entryOf(key, id)])
  return {
    id,
    async serve() {
      const running = start(['serve', '-c', policyFile])
      open.push(() => running.process.kill('SIGKILL'))
      const { data, admin } = await until(() => listening(running.output()))
      return {
        admin,
        ask: async () => {
          const response = await fetch(`${data}/api/chat`, {
            method: 'POST',
            headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
            body: JSON.stringify({
              model: 'smollm2:135m',
              stream: false,
              messages: [{ role: 'user', content: 'hi' }],
            }),
          })
          await response.text()
          return response.status
        },
        async end(signal: NodeJS.Signals) {
          running.process.kill(signal)
          await running.ended
        },
      }
    },
  }
}

async function requestsSeen(admin: string, key: string, token?: string): Promise<number> {
  const response = await fetch(`${admin}/admin/v1/anomalies`, {
    headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
  })
  const { learning } = (await response.json()) as { learning: Learning[] }
  return learning.find(({ subject }) => subject.kind === 'key' && subject.id === key)?.requests ?? 0
}

it('forgets no request when the gateway is stopped, nor when it is killed', {
  timeout: 120_000,
}, async () => {
  const { id, serve } = await program()
  const first = await serve()
  for (let at = 0; at < 5; at++) expect(await first.ask()).toBe(200)
  await first.end('SIGTERM')
  const second = await serve()
  await until(async () => (await requestsSeen(second.admin, id)) === 5)
  for (let at = 0; at < 4; at++) expect(await second.ask()).toBe(200)
  await second.end('SIGKILL')
  const third = await serve()
  await until(async () => (await requestsSeen(third.admin, id)) === 9)
  await third.end('SIGTERM')
})

it('sees the requests of all workers', { timeout: 120_000 }, async () => {
  const model = await startModelServer()
  open.push(model.close)
  const gate = await startWorkers({ upstream: model.url })
  open.push(gate.close)
  for (let at = 0; at < 12; at++) expect((await gate.chat()).status).toBe(200)
  await until(
    async () => (await requestsSeen(gate.admin, gate.keyIds.agent ?? '', 'a-token-for-the-tests')) === 12,
  )
  const chains = gate.records().filter(({ route }) => route !== undefined)
  expect(new Set(chains.map(({ chain }) => chain)).size).toBe(2)
})

it('shows what was saved where no gateway runs, and says how old it is', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'torwart-anomalies-'))
  open.push(() => rmSync(folder, { recursive: true, force: true }))
  const policyFile = join(folder, 'torwart.yaml')
  writeFileSync(policyFile, policyText({ upstream: 'http://127.0.0.1:9' }))
  const words = ['anomalies', '-c', policyFile, '--admin', `http://127.0.0.1:${await freePort()}`]
  expect(await cli(words)).toMatchObject({
    code: 1,
    out: '',
    err: expect.stringMatching(/does not answer\n$/),
  })
  const savedMs = Date.UTC(2026, 10, 2, 10)
  writeFileSync(join(folder, 'audit.jsonl.anomalies'), await trainedState(['aaaa', 'bbbb'], savedMs))
  const shown = await cli(words)
  expect(shown).toMatchObject({ code: 0, out: 'Nothing is unusual.\n' })
  expect(shown.err).toContain('This is what a gateway saved at 2026-11-02T10:00:00.000Z.')
  expect(JSON.parse((await cli([...words, '--json'])).out)).toEqual({ anomalies: [], learning: [] })
})
