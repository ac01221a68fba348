/** The admin listener: health, metrics, who may ask; and policies that change under a running gate. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { mintKey } from '../../src/auth/api-keys/key.ts'
import { writeKeyFile } from '../../src/auth/api-keys/key-file.ts'
import { entryOf, type RunningGate, startGate } from '../rig/gate.ts'
import { likeOllama, type ModelServer, play, startModelServer } from '../rig/model-server.ts'
import { getPlain } from '../rig/plain.ts'
import { until } from '../rig/wait.ts'

const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close()
})
async function start(more = ''): Promise<{ model: ModelServer; gate: RunningGate }> {
  const model = await startModelServer()
  const gate = await startGate({ upstream: model.url, more })
  open.push(model, gate)
  return { model, gate }
}

describe('the admin listener', () => {
  it('answers health to everybody', async () => {
    const { gate } = await start()
    for (const path of ['/livez', '/readyz']) {
      expect((await getPlain(gate.admin + path, { host: 'evil.example' })).status).toBe(200)
    }
    expect(JSON.parse((await getPlain(`${gate.admin}/readyz`)).text)).toMatchObject({
      status: 'ready',
      store: { kind: 'memory', up: true },
      upstreams: [{ name: 'local', up: true }],
      policy: { reload: { ok: true }, warnings: [] },
      audit: { writable: true },
    })
  })

  it.each([
    ['by its address', {}, 200],
    ['as localhost', { host: 'localhost:9464' }, 200],
    ['by a name that DNS rebinding made', { host: 'evil.example' }, 403],
    ['by a name that looks like ours', { host: '127.0.0.1.evil.example' }, 403],
    ['from another page', { origin: 'http://evil.example' }, 403],
    ['from a page that has no origin', { origin: 'null' }, 403],
  ])('called %s answers accordingly', async (_what, headers, status) => {
    const { gate } = await start()
    expect((await getPlain(`${gate.admin}/metrics`, headers as Record<string, string>)).status).toBe(status)
  })

  it.each([
    ['no token', {}, 401],
    ['a wrong one', { authorization: 'Bearer t0ke' }, 401],
    ['the right one', { authorization: 'Bearer t0ken' }, 200],
    ['the right one and a name of the policy', { authorization: 'Bearer t0ken', host: 'gate.lan:9464' }, 200],
  ])('with a token, called with %s, answers accordingly', async (_what, headers, status) => {
    const model = await startModelServer()
    const gate = await startGate({ upstream: model.url, admin: 'token: t0ken, hosts: [gate.lan]' })
    open.push(model, gate)
    expect((await getPlain(`${gate.admin}/metrics`, headers as Record<string, string>)).status).toBe(status)
    expect((await getPlain(`${gate.admin}/readyz`)).status).toBe(200)
  })

  it('is not shut by 300 silent connections, nor by requests that never end', async () => {
    const { gate } = await start()
    const { hostname, port } = new URL(gate.admin)
    const sockets = Array.from({ length: 300 }, () => connect(Number(port), hostname))
    for (const socket of sockets) socket.on('error', () => {})
    try {
      await until(() => sockets.every(({ connecting }) => !connecting))
      for (const socket of sockets.slice(-32)) socket.write('GET /livez HTTP/1.1\r\nHost: gate\r\n')
      expect((await getPlain(`${gate.admin}/livez`)).status).toBe(200)
      // The others of its address gave way, all but so many.
      await until(() => sockets.filter(({ destroyed }) => !destroyed).length < 64)
    } finally {
      for (const socket of sockets) socket.destroy()
    }
  })

  it('asks the model server once for many questions whether it is ready', async () => {
    const { gate, model } = await start()
    const asked = () => model.seen.filter(({ url }) => url === '/api/tags').length
    await getPlain(`${gate.admin}/readyz`)
    const before = asked()
    for (let index = 0; index < 10; index++) await getPlain(`${gate.admin}/readyz`)
    await getPlain(`${gate.admin}/metrics`)
    expect(asked() - before).toBeLessThanOrEqual(1)
  })

  it('shows the metrics of the contract', async () => {
    const { gate } = await start()
    await (await gate.post('/api/chat', { model: 'smollm2:135m', stream: false, messages: [] })).arrayBuffer()
    const { text } = await getPlain(`${gate.admin}/metrics`)
    const names = [
      'torwart_requests_total',
      'torwart_request_duration_seconds',
      'torwart_upstream_duration_seconds',
      'torwart_time_to_first_token_seconds',
      'torwart_tokens_total',
      'torwart_inflight_requests',
      'torwart_queue_depth',
      'torwart_limit_rejections_total',
      'torwart_findings_total',
      'torwart_guard_duration_seconds',
      'torwart_guard_failures_total',
      'torwart_audit_records_total',
      'torwart_audit_failures_total',
      'torwart_store_up',
      'torwart_upstream_up',
      'torwart_policy_reloads_total',
      'torwart_policy_info',
      'process_cpu_seconds_total',
      'nodejs_eventloop_lag_seconds',
    ]
    for (const name of names) expect(text).toContain(`# TYPE ${name} `)
    expect(text).toContain('torwart_requests_total{route="/api/chat",outcome="answered"} 1')
    expect(text).toContain('torwart_tokens_total{model="smollm2:135m",direction="output"} 12')
    expect(text).toContain('torwart_upstream_up{upstream="local"} 1')
  })

  it('puts nothing a caller sent into a label', async () => {
    const { gate } = await start('door: { failuresPerMinute: 1000 }\n')
    for (const path of ['/api/evil-1', '/v1/models/evil-2', '/api/tags?evil-3'])
      await (await gate.get(path, { 'x-request-id': 'evil-4' })).arrayBuffer()
    await (await gate.post('/api/chat', { model: 'evil-5', messages: [] })).arrayBuffer()
    expect((await getPlain(`${gate.admin}/metrics`)).text).not.toContain('evil')
  })

  it('tells of a model server that is down', async () => {
    const { gate, model } = await start()
    await model.close()
    // What was asked at the start is not asked again at once.
    await until(async () => {
      const { status, upstreams } = JSON.parse((await getPlain(`${gate.admin}/readyz`)).text)
      expect(status).toBe('ready')
      return upstreams[0].up === false
    })
  })
})

describe('lists', () => {
  it('show only what the caller may use', async () => {
    const model = await startModelServer()
    const role = '    routes: [models]\n    models: ["all-minilm"]'
    const gate = await startGate({ upstream: model.url, role })
    open.push(model, gate)
    const tags = (await (await gate.get('/api/tags')).json()) as { models: { name: string }[] }
    expect(tags.models.map(({ name }) => name)).toEqual(['all-minilm:latest'])
    const list = (await (await gate.get('/v1/models')).json()) as { data: { id: string }[] }
    expect(list.data.map(({ id }) => id)).toEqual(['all-minilm:latest'])
    expect(await (await gate.get('/v1/models/all-minilm')).json()).toMatchObject({
      id: 'all-minilm',
      object: 'model',
    })
    expect((await gate.get('/v1/models/smollm2:135m')).status).toBe(404)
    expect(await (await gate.get('/api/ps')).json()).toEqual({ models: [] })
    expect((await gate.post('/api/show', { model: 'smollm2:135m' })).status).toBe(404)
  })

  it('never show a model that another host serves', async () => {
    const { gate, model } = await start()
    model.script = (_seen, response) => {
      const entry = { model: 'x', digest: 'd' }
      response.end(
        JSON.stringify({
          models: [
            { ...entry, name: 'smollm2:135m' },
            { ...entry, name: 'smollm2:far', remote_host: 'https://ollama.com' },
            { ...entry, name: 'smollm2:1b-cloud' },
          ],
        }),
      )
    }
    const tags = (await (await gate.get('/api/tags')).json()) as { models: { name: string }[] }
    expect(tags.models.map(({ name }) => name)).toEqual(['smollm2:135m'])
  })

  it('are asked for without the caller’s query, headers or method', async () => {
    const { gate, model } = await start()
    const head = await fetch(`${gate.data}/api/tags?x=1`, {
      method: 'HEAD',
      headers: { authorization: `Bearer ${gate.key}`, cookie: 'a=b', 'x-evil': '1' },
    })
    expect(head.status).toBe(200)
    expect(await head.text()).toBe('')
    const { method, url, headers } = model.seen.at(-1) ?? {}
    expect([method, url]).toEqual(['GET', '/api/tags'])
    expect(Object.keys(headers ?? {}).toSorted()).toEqual(['accept', 'connection', 'host', 'user-agent'])
  })

  it.each([
    ['is no list', '{"models":5}', 502],
    ['is no JSON', '<html>', 502],
  ])('that %s are the server’s failure', async (_what, body, status) => {
    const { gate, model } = await start()
    model.script = (_seen, response) => void response.end(body)
    const response = await gate.get('/api/tags')
    expect(response.status).toBe(status)
    expect(await response.json()).toEqual({ error: 'The model server failed.' })
  })
})

describe('a greeting', () => {
  it('needs no credential, and names the server only to those who may use it', async () => {
    const { gate } = await start()
    expect(await (await gate.get('/', { authorization: '' })).text()).toBe('Torwart')
    expect(await (await gate.get('/')).text()).toBe('Ollama is running')
    const head = await fetch(`${gate.data}/`, { method: 'HEAD' })
    expect([head.status, await head.text()]).toEqual([200, ''])
    expect((await gate.get('/', { authorization: 'Bearer wrong' })).status).toBe(401)
  })
})

describe('a policy that changes', () => {
  const chat = { model: 'smollm2:135m', stream: false, messages: [{ role: 'user', content: 'hi' }] }

  it('takes effect at once, for the requests that come after', async () => {
    const { gate, model } = await start()
    let release: (() => void) | undefined
    model.script = async (_seen, response) => {
      await new Promise<void>((resolve) => {
        release = resolve
      })
      await play('chat-whole', response)
    }
    const running = gate.post('/api/chat', chat)
    await until(() => release)
    writeFileSync(
      gate.policyFile,
      readFileSync(gate.policyFile, 'utf8').replace('models: ["smollm2:*"', 'models: ["other:*"'),
    )
    gate.reload()
    expect((await gate.post('/api/chat', chat)).status).toBe(404)
    release?.()
    expect((await running).status).toBe(200)
    const events = gate.records().flatMap(({ event }) => (typeof event === 'string' ? [event] : []))
    expect(events).toContain('reloaded')
  })

  it('is noticed without being told', async () => {
    const { gate } = await start()
    writeFileSync(
      gate.policyFile,
      readFileSync(gate.policyFile, 'utf8').replace('routes: [chat,', 'routes: ['),
    )
    await until(async () => (await gate.post('/api/chat', chat)).status === 403)
  })

  it('and is wrong changes nothing, and shows', async () => {
    const { gate } = await start()
    writeFileSync(gate.policyFile, 'version: 1\nnonsense: true\n')
    gate.reload()
    expect((await gate.post('/api/chat', chat)).status).toBe(200)
    const ready = await getPlain(`${gate.admin}/readyz`)
    expect(ready.status).toBe(200)
    expect(JSON.parse(ready.text)).toMatchObject({
      status: 'ready',
      policy: { reload: { ok: false, place: expect.stringMatching(/^line \d+, column \d+$/) } },
    })
    expect((await getPlain(`${gate.admin}/metrics`)).text).toContain(
      'torwart_policy_reloads_total{result="failed"} 1',
    )
    expect(gate.logged()).toContain('unknown key')
  })

  it('and is wrong does not keep a leaked key alive', async () => {
    const { gate } = await start('door: { failuresPerMinute: 1000 }\n')
    writeFileSync(gate.policyFile, 'version: 1\nnonsense: true\n')
    const { id, key } = mintKey()
    writeKeyFile(gate.keysFile, [entryOf(key, id)])
    gate.reload()
    expect((await gate.get('/api/tags')).status).toBe(401)
    expect((await gate.get('/api/tags', { authorization: `Bearer ${key}` })).status).toBe(200)
  })

  it('and loses its keys, or finds a date that never comes, keeps those it had', async () => {
    const { gate } = await start()
    const entry = entryOf(gate.key, gate.keyId)
    const reason = async () =>
      JSON.parse((await getPlain(`${gate.admin}/readyz`)).text) as { policy: { reload: { ok: boolean } } }
    for (const spoil of [
      () => rmSync(gate.keysFile),
      () => writeKeyFile(gate.keysFile, [{ ...entry, expires: '2020-13-01T00:00:00Z' }]),
    ]) {
      spoil()
      gate.reload()
      expect((await gate.get('/api/tags')).status).toBe(200)
      expect((await reason()).policy.reload.ok).toBe(false)
    }
    writeKeyFile(gate.keysFile, [{ ...entry, expires: '2020-12-01T00:00:00Z' }])
    gate.reload()
    expect((await gate.get('/api/tags')).status).toBe(401)
  })

  it('says what waits for a restart, and which keys have no role', async () => {
    const { gate } = await start()
    const text = readFileSync(gate.policyFile, 'utf8')
    writeFileSync(
      gate.policyFile,
      text.replace('listen: { address: "127.0.0.1:0" }', 'listen: { address: "127.0.0.1:1" }'),
    )
    writeKeyFile(gate.keysFile, [entryOf(gate.key, gate.keyId, 'nobody')])
    gate.reload()
    const { policy } = JSON.parse((await getPlain(`${gate.admin}/readyz`)).text) as {
      policy: { warnings: string[] }
    }
    expect(policy.warnings).toContain('`listen` was changed; the change takes effect after a restart')
    expect(policy.warnings).toContain(`key ${gate.keyId} has a role that does not exist: nobody`)
  })

  it('knows new keys and forgets revoked ones', async () => {
    const { gate } = await start('door: { failuresPerMinute: 1000 }\n')
    const fresh = mintKey()
    const bearer = { authorization: `Bearer ${fresh.key}` }
    expect((await gate.get('/api/tags', bearer)).status).toBe(401)
    writeKeyFile(gate.keysFile, [entryOf(fresh.key, fresh.id)])
    await until(async () => (await gate.get('/api/tags', bearer)).status === 200)
    expect((await gate.get('/api/tags')).status).toBe(401)
    writeFileSync(gate.keysFile, 'version: 1\nkeys: nonsense\n')
    gate.reload()
    expect((await gate.get('/api/tags', bearer)).status).toBe(200)
  })
})

describe('a gate that stops', () => {
  it('lets running requests finish, says so, and takes no new ones', async () => {
    const { gate, model } = await start()
    let release: (() => void) | undefined
    model.script = async (seen, response) => {
      if (seen.method === 'GET') return likeOllama(seen, response)
      await new Promise<void>((resolve) => {
        release = resolve
      })
      return play('chat-stream', response)
    }
    const running = gate.post('/api/chat', {
      ...{ model: 'smollm2:135m', messages: [{ role: 'user', content: 'hi' }] },
    })
    await until(() => release)
    const closing = gate.close()
    await until(async () => {
      try {
        return (await fetch(`${gate.admin}/readyz`)).status === 503
      } catch {
        return false
      }
    })
    await until(() =>
      fetch(`${gate.data}/`).then(
        () => false,
        () => true,
      ),
    )
    release?.()
    const text = await (await running).text()
    expect(text).toContain('"done":true')
    await closing
    open.splice(1)
  })

  it('cuts what does not finish in time, with a word', async () => {
    const { gate, model } = await start()
    const text = readFileSync(gate.policyFile, 'utf8').replace('grace: 2s', 'grace: 100ms')
    writeFileSync(gate.policyFile, text)
    gate.reload()
    model.script = (_seen, response) => {
      response.writeHead(200, { 'content-type': 'application/x-ndjson' })
      response.write(
        `${JSON.stringify({ model: 'smollm2:135m', message: { content: 'Hello!' }, done: false })}\n`,
      )
    }
    const answer = await gate.post('/api/chat', {
      model: 'smollm2:135m',
      messages: [{ role: 'user', content: 'hi' }],
    })
    const closing = gate.close()
    expect((await answer.text()).trim().split('\n').at(-1)).toBe('{"error":"The gateway is shutting down."}')
    await closing
    open.splice(1)
  })
})
