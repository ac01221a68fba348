/** What clients ask before their first prompt, as it was seen on the wire; some of it without a credential. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { colours, messages, name, question, type Scene, startScene } from '../rig/clients.ts'

let scene: Scene
beforeAll(async () => {
  scene = await startScene()
})
afterAll(() => scene.close())

const anonymous = (method: string, path: string) => fetch(scene.gate.data + path, { method })

describe('without a credential', () => {
  it('/ says that somebody is there, and not what', async () => {
    const head = await anonymous('HEAD', '/')
    expect([head.status, await head.text()]).toEqual([200, ''])
    const get = await anonymous('GET', '/')
    expect([get.status, await get.text()]).toEqual([200, 'Torwart'])
  })

  it.each(['/api/tags', '/api/version', '/v1/models', '/api/ps', `/v1/models/${name}`])(
    '%s is refused, and the server behind is not asked',
    async (path) => {
      const before = scene.model.seen.length
      const response = await anonymous('GET', path)
      expect(response.status).toBe(401)
      expect(await response.text()).not.toContain(name)
      expect(scene.model.seen.length).toBe(before)
    },
  )
})

describe('with a key', () => {
  it('/ says what the client expects', async () => {
    expect(await (await scene.gate.get('/')).text()).toBe('Ollama is running')
  })

  it.each([
    ['/api/tags', { models: [{ name: 'all-minilm:latest' }, { name }] }],
    ['/api/version', { version: '0.0.0' }],
    ['/api/ps', { models: [{ name }] }],
    ['/v1/models', { object: 'list', data: [{ id: 'all-minilm:latest' }, { id: name }] }],
    [`/v1/models/${name}`, { id: name }],
  ])('%s is answered, even to a GET that says it were JSON', async (path, body) => {
    const response = await scene.gate.get(path, { 'content-type': 'application/json' })
    expect(response.status).toBe(200)
    expect(await response.json()).toMatchObject(body)
  })

  it.each([
    ['one name', { model: name }],
    ['the old name', { name }],
    ['both names, one of them empty', { model: '', name }],
    [
      'all that the command of Ollama sends',
      { model: '', system: '', template: '', verbose: false, options: null, name },
    ],
  ])('/api/show takes %s, and keeps the prompt of the operator', async (_what, body) => {
    const response = await scene.gate.post('/api/show', body)
    expect(response.status).toBe(200)
    expect(scene.model.posts.at(-1)?.json).toEqual({ model: name, verbose: false })
    const text = await response.text()
    expect(JSON.parse(text)).toMatchObject({ capabilities: ['completion', 'tools'] })
    expect(text).not.toMatch(/Keep this to yourself|Prompt|blobs/)
  })

  it('/api/show of a model that is not the key’s is a 404', async () => {
    expect((await scene.gate.post('/api/show', { model: '', name: 'other' })).status).toBe(404)
    expect((await scene.gate.post('/api/show', { model: '', name: '' })).status).toBe(400)
  })
})

describe('ollama run', () => {
  it('gets through with a limit of one request a minute', async () => {
    const key = { authorization: `Bearer ${scene.keyOf('tight')}`, accept: 'application/x-ndjson' }
    expect((await fetch(`${scene.gate.data}/`, { method: 'HEAD', headers: key })).status).toBe(200)
    for (const verbose of [false, true])
      expect((await scene.gate.post('/api/show', { model: '', name, verbose }, key)).status).toBe(200)
    const generate = {
      model: name,
      prompt: question,
      suffix: '',
      system: '',
      template: '',
      options: {},
      keep_alive: '5m0s',
      stream: false,
    }
    const response = await scene.gate.post('/api/generate', generate, key)
    expect(await response.json()).toMatchObject({ response: colours, done: true })
    expect((await scene.gate.post('/api/generate', generate, key)).status).toBe(429)
  })
})

describe('litellm', () => {
  it('gets through without a content type, which it does not send', async () => {
    const response = await fetch(`${scene.gate.data}/api/chat`, {
      method: 'POST',
      headers: { authorization: `Bearer ${scene.gate.key}` },
      // Bytes, since fetch would name a type for a text.
      body: new TextEncoder().encode(JSON.stringify({ model: name, messages, stream: false })),
    })
    expect(await response.json()).toMatchObject({ message: { content: colours } })
  })
})
