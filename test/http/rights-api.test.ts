/** What a caller may do, asked over the admin API: the same answers as on the command line. */
import { afterEach, describe, expect, it } from 'vitest'
import { cli } from '../rig/cli.ts'
import { type RunningGate, startGate } from '../rig/gate.ts'
import { startModelServer } from '../rig/model-server.ts'

const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close()
})

async function start(more = '', admin?: string): Promise<RunningGate> {
  const model = await startModelServer()
  const gate = await startGate({ upstream: model.url, more, ...(admin ? { admin } : {}) })
  open.push(model, gate)
  return gate
}

const ask = (gate: RunningGate, body: unknown, headers: Record<string, string> = {}) =>
  fetch(`${gate.admin}/admin/v1/explain`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  })

describe('GET /admin/v1/access', () => {
  it('has what `torwart access --json` prints', async () => {
    const gate = await start()
    const answer = (await (await fetch(`${gate.admin}/admin/v1/access`)).json()) as unknown
    const { out } = await cli(['access', '--json', '-c', gate.policyFile])
    expect(answer).toEqual(JSON.parse(out))
    expect(answer).toMatchObject([{ kind: 'key', id: gate.keyId, role: 'agent' }])
  })
})

describe('POST /admin/v1/explain', () => {
  it('answers as `torwart explain --json` does', async () => {
    const gate = await start()
    for (const [model, allowed] of [
      ['smollm2:135m', true],
      ['qwen3:8b', false],
    ] as const) {
      const answer = (await (await ask(gate, { key: gate.keyId, route: 'chat', model })).json()) as unknown
      const words = ['explain', '--key', gate.keyId, '--route', 'chat', '--model', model, '--json']
      const { out } = await cli([...words, '-c', gate.policyFile])
      expect(answer).toEqual(JSON.parse(out))
      expect(answer).toMatchObject({ allowed })
    }
  })

  it('knows what is frozen, as soon as it is', async () => {
    const gate = await start('', 'token: t0ken-of-sixteen-letters')
    const authorization = { authorization: 'Bearer t0ken-of-sixteen-letters' }
    const question = { key: gate.keyId, model: 'smollm2:135m' }
    expect(await (await ask(gate, question, authorization)).json()).toMatchObject({ allowed: true })
    await fetch(`${gate.admin}/admin/v1/freezes`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...authorization },
      body: JSON.stringify({ kind: 'model', name: 'smollm2:*', why: 'test' }),
    })
    const { allowed, reasons } = (await (await ask(gate, question, authorization)).json()) as {
      allowed: boolean
      reasons: { words: string }[]
    }
    expect(allowed).toBe(false)
    expect(reasons.map(({ words }) => words).join('\n')).toContain('refused with 403 frozen')
  })

  it('knows that a model is quarantined, there and on the command line', async () => {
    const gate = await start('models: { require: [digest], lock: missing.lock.yaml }')
    const question = { key: gate.keyId, model: 'smollm2:135m' }
    expect(JSON.stringify(await (await ask(gate, question)).json())).toContain('403 model_quarantined')
    const words = ['explain', '--key', gate.keyId, '--model', 'smollm2:135m', '-c', gate.policyFile]
    expect((await cli(words)).out).toContain('403 model_quarantined')
    // Who changes models must be able to mend one.
    expect((await cli([...words, '--route', 'admin'])).out).not.toContain('model_quarantined')
  })

  it.each([
    ['a key that is not there', { key: 'nobody12' }, 'There is no key nobody12'],
    ['no key', { route: 'chat' }, 'The body must be JSON with key'],
    ['something else besides', { key: 'x', why: 'y' }, 'The body must be JSON with key'],
    ['a text as long as a novel', { key: 'k'.repeat(20_000) }, 'The body must be JSON with key'],
  ])('refuses a question with %s', async (_what, body, message) => {
    const response = await ask(await start(), body)
    expect(response.status).toBe(400)
    expect(((await response.json()) as { error: string }).error).toContain(message)
  })

  it('is asked with the token only, where there is one', async () => {
    const gate = await start('', 'token: t0ken-of-sixteen-letters')
    expect((await ask(gate, { key: gate.keyId })).status).toBe(401)
    expect((await fetch(`${gate.admin}/admin/v1/access`)).status).toBe(401)
  })
})
