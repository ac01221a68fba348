/** The tool gate from end to end: calls of answers are judged, held for a human, and their results known again. */
import type { ServerResponse } from 'node:http'
import { afterEach, describe, expect, it } from 'vitest'
import { readKeyFile, writeKeyFile } from '../../src/auth/api-keys/key-file.ts'
import { freezesFile, writeFreezes } from '../../src/kill-switch/file.ts'
import { type GateSettings, type RunningGate, startGate } from '../rig/gate.ts'
import { likeOllama, type ModelServer, type Seen, startModelServer } from '../rig/model-server.ts'
import { until } from '../rig/wait.ts'

const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close()
})

const token = 'a-token-long-enough'
interface Made {
  readonly name: string
  readonly args: object
}

/** A model server that makes these calls, in the dialect and the way it is asked. */
function calling(calls: readonly Made[]) {
  return (seen: Seen, response: ServerResponse) => {
    if (seen.method !== 'POST') return likeOllama(seen, response)
    const stream = seen.json.stream === true
    if (seen.url === '/api/chat') {
      const tool_calls = calls.map(({ name, args }) => ({ function: { name, arguments: args } }))
      const line = {
        model: 'smollm2:135m',
        message: { role: 'assistant', content: '', tool_calls },
        done: false,
      }
      response.setHeader('content-type', stream ? 'application/x-ndjson' : 'application/json')
      const end = {
        model: 'smollm2:135m',
        message: { role: 'assistant', content: '' },
        done: true,
        done_reason: 'stop',
      }
      if (!stream) return void response.end(JSON.stringify({ ...line, done: true, done_reason: 'stop' }))
      return void response.end(`${JSON.stringify(line)}\n${JSON.stringify(end)}\n`)
    }
    const tool_calls = calls.map(({ name, args }, index) => ({
      index,
      id: `call_${name}`,
      type: 'function',
      function: { name, arguments: JSON.stringify(args) },
    }))
    const common = { id: 'c', created: 1, model: 'smollm2:135m' }
    if (!stream) {
      response.setHeader('content-type', 'application/json')
      const message = { role: 'assistant', content: '', tool_calls }
      const choices = [{ index: 0, message, finish_reason: 'tool_calls' }]
      return void response.end(JSON.stringify({ ...common, object: 'chat.completion', choices }))
    }
    response.setHeader('content-type', 'text/event-stream')
    const chunk = (delta: object, finish_reason: string | null) =>
      `data: ${JSON.stringify({ ...common, object: 'chat.completion.chunk', choices: [{ index: 0, delta, finish_reason }] })}\n\n`
    for (const each of tool_calls) {
      const { function: made, ...rest } = each
      response.write(chunk({ tool_calls: [{ ...rest, function: { name: made.name, arguments: '' } }] }, null))
      for (const piece of made.arguments.match(/.{1,3}/g) ?? [])
        response.write(chunk({ tool_calls: [{ index: each.index, function: { arguments: piece } }] }, null))
    }
    response.end(`${chunk({}, 'tool_calls')}data: [DONE]\n\n`)
  }
}

async function start(
  tools: string,
  approval = '{ wait: 0s }',
  more: Partial<GateSettings> = {},
): Promise<{ gate: RunningGate; model: ModelServer }> {
  const model = await startModelServer()
  const gate = await startGate({
    upstream: model.url,
    admin: `token: ${token}`,
    role: `    routes: [chat]\n    models: ["smollm2:*"]\n    limits: { requestsPerMinute: unlimited }\n    tools: ${tools}`,
    more: `approval: ${approval}\n`,
    ...more,
  })
  open.push(model, gate)
  return { gate, model }
}
const body = (stream: boolean) => ({
  model: 'smollm2:135m',
  stream,
  messages: [{ role: 'user', content: 'go' }],
})
const approve = (gate: RunningGate, id: string) =>
  fetch(`${gate.admin}/admin/v1/approvals/${id}/approve`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: '{"by":"alice"}',
  })
const pendingId = async (gate: RunningGate) => {
  const response = await fetch(`${gate.admin}/admin/v1/approvals`, {
    headers: { authorization: `Bearer ${token}` },
  })
  const { approvals } = (await response.json()) as { approvals: { id: string; state: string }[] }
  return approvals.find(({ state }) => state === 'pending')?.id
}
const ways = [
  ['/v1/chat/completions', false],
  ['/v1/chat/completions', true],
  ['/api/chat', false],
  ['/api/chat', true],
] as const

/** With the arguments of calls, which come in pieces, behind what came. */
function asPutTogether(text: string): string {
  const pieces = [...text.matchAll(/"arguments":("(?:[^"\\]|\\.)*")/g)]
  return text + pieces.map(([, piece = '""']) => JSON.parse(piece) as string).join('')
}

describe.each(ways)('%s, streamed: %s', (path, stream) => {
  const ask = async (gate: RunningGate) => {
    const response = await gate.post(path, body(stream))
    return {
      status: response.status,
      code: response.headers.get('x-torwart-code'),
      text: asPutTogether(await response.text()),
    }
  }

  it('lets through what the role may call, and refuses what it may not', async () => {
    const { gate, model } = await start('{ allow: [search], arguments: { search: { q: "^[a-z]+$" } } }')
    model.script = calling([{ name: 'search', args: { q: 'cats' } }])
    expect((await ask(gate)).text).toContain('cats')
    model.script = calling([
      { name: 'search', args: { q: 'cats' } },
      { name: 'rm_all', args: { path: '/secret/path' } },
    ])
    const refused = await ask(gate)
    expect(refused.text).not.toContain('/secret/path')
    expect(refused.text).toMatch(/this key may not use/)
    model.script = calling([{ name: 'search', args: { q: 'Cats; rm' } }])
    expect((await ask(gate)).text).not.toContain('rm')
    const record = await until(() => gate.requests().at(-1))
    expect(record.findings).toMatchObject([{ guard: 'tools', id: 'tool.arguments', action: 'block' }])
  })

  it('takes the call out and says so, if the policy wants that', async () => {
    const { gate, model } = await start('{ allow: [search], otherwise: strip }')
    model.script = calling([
      { name: 'rm_all', args: { path: '/secret/path' } },
      { name: 'search', args: { q: 'cats' } },
    ])
    const { status, text } = await ask(gate)
    expect(status).toBe(200)
    expect(text).toContain('cats')
    expect(text).not.toContain('/secret/path')
    expect(text).toContain('A tool call was removed here')
  })

  it('names the approval, and passes once after the yes', async () => {
    const { gate, model } = await start('{ approve: [pay] }')
    model.script = calling([{ name: 'pay', args: { amount: 5, to: 'unknown-payee' } }])
    const first = await ask(gate)
    const id = /ap_[0-9a-f]{20}/.exec(first.text)?.[0] ?? ''
    expect(first.text).not.toContain('unknown-payee')
    expect((await approve(gate, id)).status).toBe(200)
    expect((await ask(gate)).text).toContain('unknown-payee')
    expect((await ask(gate)).text).not.toContain('unknown-payee')
  })

  it('waits for a human where the dialect can', async () => {
    const { gate, model } = await start('{ approve: [pay] }', '{ wait: 30s }')
    model.script = calling([{ name: 'pay', args: { amount: 5, to: 'unknown-payee' } }])
    const asking = ask(gate)
    const id = await until(() => pendingId(gate))
    await approve(gate, id)
    const answer = await asking
    if (path === '/api/chat' && stream) expect(answer.text).toContain(id)
    else expect(answer.text).toContain('unknown-payee')
  })
})

it('on record, a request names its approvals, and each event of an approval its requests', async () => {
  const { gate, model } = await start('{ approve: [pay] }')
  model.script = calling([{ name: 'pay', args: { amount: 5 } }])
  const ask = async (id: string) => {
    const response = await gate.post('/v1/chat/completions', body(false), { 'x-request-id': id })
    return /ap_[0-9a-f]{20}/.exec(await response.text())?.[0] ?? ''
  }
  const approval = await ask('first')
  await approve(gate, approval)
  await ask('second')
  model.script = likeOllama
  await ask('third')
  await until(() => gate.requests().length === 3)
  expect(gate.requests().map(({ id, approvals }) => [id, approvals])).toEqual([
    ['first', [{ id: approval, outcome: 'asked' }]],
    ['second', [{ id: approval, outcome: 'used' }]],
    ['third', []],
  ])
  const events = await until(() => {
    const found = gate.records().filter((record) => record.approval === approval)
    return found.length === 3 && found
  })
  expect(events.map(({ event, request, usedBy }) => [event, request, usedBy])).toEqual([
    ['approval requested', 'first', undefined],
    ['approval approved', 'first', undefined],
    ['approval used', 'first', 'second'],
  ])
})

it('knows the results of calls that it let through', async () => {
  const { gate, model } = await start('{ allow: [search] }')
  model.script = calling([{ name: 'search', args: { q: 'cats' } }])
  await (await gate.post('/v1/chat/completions', body(false))).text()
  const result = (tool_call_id: string) => ({ role: 'tool', tool_call_id, content: 'meow' })
  const send = async (id: string) => {
    const response = await gate.post('/v1/chat/completions', {
      ...body(false),
      messages: [...body(false).messages, result(id)],
    })
    await response.text()
    return response.headers.get('x-torwart-guards')
  }
  expect(await send('call_search')).toContain('tools=allow')
  expect(await send('call_other')).toContain('tools=flag')
})

describe.each([false, true])('a call that waits for a human, streamed: %s', (stream) => {
  it('leaves its model server to others, who did not keep it busy', async () => {
    const { gate, model } = await start('{ approve: [pay] }', '{ wait: 60s }', {
      upstreamMore: 'concurrent: 1',
    })
    model.script = calling([{ name: 'pay', args: { amount: 5, to: 'unknown-payee' } }])
    const waits = gate.post('/v1/chat/completions', body(stream)).then((response) => response.text())
    const id = await until(() => pendingId(gate))
    model.script = likeOllama
    expect((await gate.post('/v1/chat/completions', body(false))).status).toBe(200)
    await approve(gate, id)
    expect(asPutTogether(await waits)).toContain('unknown-payee')
  })
})

/** As the command line does it, and nobody has looked since. */
const freeze = ({ auditFile }: RunningGate, kind: 'key' | 'role' | 'model', name: string) => {
  const order = { kind, name, frozen: true, why: 'w', by: 'b', at: Date.now(), until: null }
  writeFreezes(freezesFile(auditFile), new Map([['it', order]]))
}
const disable = ({ keysFile }: RunningGate) =>
  writeKeyFile(
    keysFile,
    readKeyFile(keysFile).map((entry) => ({ ...entry, disabled: new Date().toISOString() })),
  )

describe.each<[string, (gate: RunningGate) => void, string]>([
  ['whose key was frozen', (gate) => freeze(gate, 'key', gate.keyId), 'frozen'],
  ['whose role was frozen', (gate) => freeze(gate, 'role', 'agent'), 'frozen'],
  ['of a model that was frozen', (gate) => freeze(gate, 'model', 'smollm2:*'), 'frozen'],
  ['whose key was disabled', disable, 'invalid_credentials'],
])('a call %s just before the yes is used up', (_what, stop, code) => {
  const states = async (gate: RunningGate) => {
    const response = await fetch(`${gate.admin}/admin/v1/approvals`, {
      headers: { authorization: `Bearer ${token}` },
    })
    const { approvals } = (await response.json()) as { approvals: { state: string }[] }
    return approvals.map(({ state }) => state)
  }

  it.each([true, false])('does not pass while it waits, streamed: %s', async (stream) => {
    const { gate, model } = await start('{ approve: [pay] }', '{ wait: 60s }')
    model.script = calling([{ name: 'pay', args: { amount: 5, to: 'unknown-payee' } }])
    const waits = gate.post('/v1/chat/completions', body(stream)).then((response) => response.text())
    const id = await until(() => pendingId(gate))
    stop(gate)
    await approve(gate, id)
    expect(asPutTogether(await waits)).not.toContain('unknown-payee')
    await until(() => gate.requests().length === 1)
    expect(gate.requests()).toMatchObject([{ ending: { code } }])
    expect(await states(gate)).toEqual(['approved'])
  })

  it('does not pass when it comes again', async () => {
    const { gate, model } = await start('{ approve: [pay] }')
    const script = calling([{ name: 'pay', args: { amount: 5, to: 'unknown-payee' } }])
    model.script = script
    const first = await (await gate.post('/v1/chat/completions', body(false))).text()
    await approve(gate, /ap_[0-9a-f]{20}/.exec(first)?.[0] ?? '')
    model.script = (seen, response) => {
      stop(gate)
      return script(seen, response)
    }
    const again = await gate.post('/v1/chat/completions', body(false))
    expect(again.headers.get('x-torwart-code')).toBe(code)
    expect(await again.text()).not.toContain('unknown-payee')
    expect(await states(gate)).toEqual(['approved'])
  })
})
