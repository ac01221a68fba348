/** A gateway below a path: every route is there, and nothing is anywhere else. */
import { Ollama } from 'ollama'
import OpenAI from 'openai'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { colours, messages, name } from '../rig/clients.ts'
import { type RunningGate, startGate } from '../rig/gate.ts'
import { likeOllama, type ModelServer, startModelServer } from '../rig/model-server.ts'
import { rawRequest, sendRaw } from '../rig/raw.ts'

let model: ModelServer
let gate: RunningGate
let behind: RunningGate
beforeAll(async () => {
  model = await startModelServer()
  model.script = likeOllama
  const settings = { upstream: model.url, listen: 'prefix: /ai/ollama' }
  gate = await startGate(settings)
  behind = await startGate({ ...settings, more: 'door: { proxies: [127.0.0.1] }\n' })
})
afterAll(async () => {
  await gate?.close()
  await behind?.close()
  await model?.close()
})

const chat = { model: name, messages, stream: false }
const statusOf = async (sent: Promise<Response>) => (await sent).status

describe('a gateway with `listen.prefix`', () => {
  it('serves real clients that were given its path', async () => {
    const ollama = new Ollama({
      host: `${gate.data}/ai/ollama`,
      headers: { authorization: `Bearer ${gate.key}` },
    })
    expect((await ollama.chat({ model: name, messages })).message.content).toBe(colours)
    const openai = new OpenAI({ baseURL: `${gate.data}/ai/ollama/v1`, apiKey: gate.key })
    const { choices } = await openai.chat.completions.create({ model: name, messages })
    expect(choices[0]?.message.content).toBe(colours)
  })

  it('greets at its path, with and without a slash, and has its health checks there', async () => {
    for (const path of ['/ai/ollama', '/ai/ollama/', '/ai/ollama?x=1', '/ai/ollama/health'])
      expect([path, await statusOf(gate.get(path))]).toEqual([path, 200])
  })

  it('has nothing anywhere else', async () => {
    for (const path of [
      '/',
      '/api/chat',
      '/ai/ollamax/api/chat',
      '/ai/Ollama/api/chat',
      '/ai/ollama/ai/ollama/api/chat',
    ])
      expect([path, await statusOf(gate.post(path, chat))]).toEqual([path, 404])
    for (const target of [
      '/ai/ollama//api/chat',
      '/ai//ollama/api/chat',
      '/x/../ai/ollama/api/chat',
      '/ai/ollama/%61pi/chat',
    ]) {
      const { status } = await sendRaw(
        gate.data,
        rawRequest(
          `POST ${target} HTTP/1.1`,
          [`authorization: Bearer ${gate.key}`, 'connection: close'],
          JSON.stringify(chat),
        ),
      )
      expect([target, status]).toEqual([target, 404])
    }
  })

  it('answers unknown paths below it in the form of their dialect', async () => {
    const error = async (path: string) => (await gate.post(path, chat)).json()
    expect(await error('/ai/ollama/v1/nothing')).toMatchObject({ error: { code: 'not_found' } })
    expect(await error('/ai/ollama/api/nothing')).toMatchObject({ error: expect.any(String) })
    expect(await statusOf(gate.get('/ai/ollama/api/chat'))).toBe(405)
  })

  it('believes only a named proxy that the prefix was taken away', async () => {
    const header = { 'x-forwarded-prefix': '/ai/ollama' }
    expect(await statusOf(gate.post('/api/chat', chat, header))).toBe(404)
    expect(await statusOf(behind.post('/api/chat', chat, header))).toBe(200)
    expect(await statusOf(behind.post('/ai/ollama/api/chat', chat))).toBe(200)
    expect(await statusOf(behind.post('/api/chat', chat))).toBe(404)
    expect(await statusOf(behind.post('/api/chat', chat, { 'x-forwarded-prefix': '/other' }))).toBe(404)
  })

  it('refuses a prefix that is no plain path', async () => {
    for (const prefix of ['ollama', '/ollama/', '/a//b', '/a/../b', '/a b', '/%41'])
      await expect(startGate({ upstream: model.url, listen: `prefix: "${prefix}"` })).rejects.toThrow(
        /listen/,
      )
  })
})
