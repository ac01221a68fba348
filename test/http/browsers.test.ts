/** Pages in browsers: preflights, what scripts may read, and the real `openai` client in Chromium. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium } from 'playwright-core'
import { build } from 'rolldown'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { colours, messages, name } from '../rig/clients.ts'
import { type RunningGate, startGate } from '../rig/gate.ts'
import { likeOllama, type ModelServer, startModelServer } from '../rig/model-server.ts'
import { until } from '../rig/wait.ts'

const program = ['/usr/bin/chromium', '/usr/bin/chromium-browser'].find(existsSync)

let model: ModelServer
let gate: RunningGate
let plain: RunningGate
let pages: Server
let own: string

beforeAll(async () => {
  model = await startModelServer()
  pages = createServer((_request, response) =>
    response.setHeader('content-type', 'text/html').end('<!doctype html><title>page</title>'),
  )
  await new Promise<void>((resolve) => pages.listen(0, '127.0.0.1', resolve))
  own = `http://127.0.0.1:${(pages.address() as AddressInfo).port}`
  gate = await startGate({ upstream: model.url, listen: `cors: { origins: ["${own}", "null"] }` })
  plain = await startGate({ upstream: model.url })
})
afterAll(async () => {
  await gate?.close()
  await plain?.close()
  await model?.close()
  pages?.close()
})

const preflight = (at: RunningGate, origin: string, headers = 'authorization,content-type') =>
  fetch(`${at.data}/v1/chat/completions`, {
    method: 'OPTIONS',
    headers: {
      origin,
      'access-control-request-method': 'POST',
      'access-control-request-headers': headers,
    },
  })
const allowed = (response: Response) => response.headers.get('access-control-allow-origin')

describe('a preflight', () => {
  it('of a named origin is answered without a credential, and recorded', async () => {
    const response = await preflight(gate, own, 'authorization,content-type,x-stainless-os,x-evil,cookie')
    expect(response.status).toBe(200)
    expect(allowed(response)).toBe(own)
    expect(response.headers.get('access-control-allow-methods')).toBe('GET, HEAD, POST, DELETE')
    expect(response.headers.get('access-control-allow-headers')).toBe(
      'authorization, content-type, x-stainless-os',
    )
    expect(response.headers.get('access-control-max-age')).toBe('600')
    expect(response.headers.get('access-control-allow-credentials')).toBeNull()
    expect(response.headers.get('vary')).toContain('Origin')
    const id = response.headers.get('x-request-id')
    await until(() => gate.requests().some((record) => record.id === id))
  })

  it('of any other origin is told nothing', async () => {
    for (const origin of ['https://evil.example', `${own}.evil.example`, own.toUpperCase(), 'file://']) {
      const response = await preflight(gate, origin)
      expect([origin, allowed(response), response.headers.get('access-control-allow-headers')]).toEqual([
        origin,
        null,
        null,
      ])
    }
  })

  it('of a page without an origin passes only because it is named', async () => {
    expect(allowed(await preflight(gate, 'null'))).toBe('null')
    expect(allowed(await preflight(plain, 'null'))).toBeNull()
    expect(allowed(await preflight(plain, own))).toBeNull()
  })
})

it('lets scripts read responses, refusals and streams, and tells the model server nothing of the page', async () => {
  model.script = likeOllama
  const chat = { model: name, messages }
  const from = { origin: own }
  const answers = [
    await gate.post('/v1/chat/completions', chat, from),
    await gate.post('/v1/chat/completions', { ...chat, stream: true }, from),
    await gate.post('/v1/chat/completions', { ...chat, model: 'other' }, from),
    await gate.get('/v1/models', from),
    await gate.get('/nowhere', from),
    await gate.post('/api/chat', '{', from),
  ]
  for (const answer of answers) {
    await answer.text()
    expect([answer.url, allowed(answer)]).toEqual([answer.url, own])
    expect(answer.headers.get('access-control-expose-headers')).toContain('x-torwart-code')
  }
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 404, 200, 404, 400])
  for (const { headers } of model.seen) expect(headers.origin).toBeUndefined()
  expect(
    allowed(await gate.post('/v1/chat/completions', chat, { origin: 'https://evil.example' })),
  ).toBeNull()
  expect(allowed(await gate.post('/v1/chat/completions', chat))).toBeNull()
})

it('refuses a policy that would let in pages of strangers', async () => {
  for (const [origin, fault] of [
    ['*', 'must be a whole origin'],
    ['https://*.example.org', 'must be a whole origin'],
    ['https://app.example.org/', 'write https://app.example.org'],
    ['app.example.org', 'is not an origin'],
    ['file:///tmp', 'must begin with http:// or https://'],
  ])
    await expect(
      startGate({ upstream: model.url, listen: `cors: { origins: ["${origin}"] }` }),
    ).rejects.toThrow(fault)
})

/** The program of a page: the client from npm, as a bundler makes it. */
async function bundled(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'torwart-page-'))
  try {
    const file = join(folder, 'page.js')
    const input = join(import.meta.dirname, 'page.ts')
    await build({ input, platform: 'browser', output: { file, format: 'iife', name: 'page' } })
    return readFileSync(file, 'utf8')
  } finally {
    rmSync(folder, { recursive: true })
  }
}

it.skipIf(!program)('the openai client in a browser chats, streams and reads why it is refused', async () => {
  model.script = likeOllama
  const browser = await chromium.launch({ executablePath: program ?? '', args: ['--no-sandbox'] })
  try {
    const page = await browser.newPage()
    await page.goto(own)
    await page.addScriptTag({ content: await bundled() })
    const ask = (baseURL: string, apiKey: string) =>
      page.evaluate(
        ([url, key, wanted]) =>
          (globalThis as unknown as { page: { run(...wanted: unknown[]): Promise<unknown> } }).page.run(
            url,
            key,
            wanted,
          ),
        [baseURL, apiKey, { model: name, messages }] as const,
      )
    expect(await ask(`${gate.data}/v1`, gate.key)).toEqual({ text: colours, streamed: colours })
    expect(await ask(`${gate.data}/v1`, 'tw_wrong')).toMatchObject({
      status: 401,
      code: 'invalid_credentials',
    })
    expect(await ask(`${plain.data}/v1`, plain.key)).toMatchObject({ name: 'APIConnectionError' })
  } finally {
    await browser.close()
  }
})
