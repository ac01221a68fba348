/** Whole sessions of coding agents with the role that is shipped for them: nothing that they count on is refused, lost, or left out in silence. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type RunningGate, shippedRole, startGate } from '../rig/gate.ts'
import { type ModelServer, startModelServer } from '../rig/model-server.ts'
import { aider, applyPatch, claudeCode, codex, opencode, patch, type Step } from '../rig/sessions.ts'

let model: ModelServer
let gate: RunningGate
beforeAll(async () => {
  model = await startModelServer()
  gate = await startGate({ upstream: model.url, role: shippedRole('coding-agent') })
})
afterAll(async () => {
  await gate.close()
  await model.close()
})

const send = async ({ path, headers, body }: Step) => {
  const before = model.posts.length
  const response = await gate.post(path, body, { ...headers })
  const text = await response.text()
  return { response, text, forwarded: model.posts.slice(before).at(-1)?.json ?? {} }
}
/** Every text that a person or a tool has written, wherever it stands. */
const textsOf = (value: unknown): string[] => {
  if (typeof value === 'string') return [value]
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, member]) =>
    /^(?:type|id|role|status|signature|call_id|tool_use_id|tool_call_id)$/.test(key) ? [] : textsOf(member),
  )
}

describe.each([
  ['Codex, with apply_patch', codex],
  ['Claude Code', claudeCode],
  ['opencode', opencode],
  ['aider', aider],
])('a session of %s', (_name, steps) => {
  it.each(steps.map((step) => [step.does, step] as const))('passes: it %s', async (_does, step) => {
    const { response, text, forwarded } = await send(step)
    expect(response.status, text).toBe(200)
    if (step.path.includes('count_tokens')) return
    const arrived = JSON.stringify(forwarded)
    const spoken = textsOf(step.body.input ?? step.body.messages ?? step.body.prompt).filter(
      (each) => each.length > 30,
    )
    for (const each of spoken) {
      const inJson = JSON.stringify(each).slice(1, -1)
      // What a function is given stands in a string of JSON of its own.
      const twice = JSON.stringify(inJson).slice(1, -1)
      expect(
        [inJson, twice].some((form) => arrived.includes(form)),
        each,
      ).toBe(true)
    }
  })
})

describe('before a server that knows functions only, Codex', () => {
  it('is offered its custom tool as a function, with the grammar of its input', async () => {
    const { forwarded } = await send(codex[0] as Step)
    expect((forwarded.tools as { name: string }[]).find(({ name }) => name === 'apply_patch')).toEqual({
      type: 'function',
      name: 'apply_patch',
      description: applyPatch.description,
      parameters: {
        type: 'object',
        properties: { input: { type: 'string', description: applyPatch.format.definition } },
        required: ['input'],
      },
    })
  })

  it('has its calls of custom tools and shells as calls of functions', async () => {
    const { forwarded } = await send(codex[3] as Step)
    expect((forwarded.input as object[]).slice(-4)).toEqual([
      {
        type: 'function_call',
        id: 'ctc_1',
        call_id: 'call_2',
        name: 'apply_patch',
        arguments: JSON.stringify({ input: patch }),
      },
      { type: 'function_call_output', call_id: 'call_2', output: 'Done. Changed src/greet.ts' },
      {
        type: 'function_call',
        id: 'lsh_1',
        call_id: 'call_3',
        name: 'local_shell',
        arguments: '{"type":"exec","command":["npm","test"],"env":{},"working_directory":"/src/project"}',
      },
      {
        type: 'function_call_output',
        id: 'call_3',
        call_id: 'call_3',
        output: '{"output":"4 tests passed","exit_code":0}',
      },
    ])
  })

  it('has the tools that stand in its conversation among the others', async () => {
    const { forwarded } = await send(codex[4] as Step)
    const names = (forwarded.tools as { name: string }[]).map(({ name }) => name)
    expect(names).toEqual(['exec_command', 'update_plan', 'view_image', 'multi_agent', 'apply_patch'])
    expect(JSON.stringify(forwarded.input)).not.toContain('additional_tools')
  })

  it('is told that web search was left out', async () => {
    const { response } = await send(codex[0] as Step)
    expect(response.headers.get('x-torwart-left-out')).toBe('web_search')
  })
})

/** A gate whose role `agent` has these keys more. */
const behind = async (more: string, kind: 'ollama' | 'openai', run: (gate: RunningGate) => Promise<void>) => {
  const roleWith = `    routes: [chat]\n    models: ["smollm2:*"]\n    ${more}`
  const other = await startGate({ upstream: model.url, kind, role: roleWith })
  try {
    await run(other)
  } finally {
    await other.close()
  }
}

describe('what a caller counts on', () => {
  const ask = { model: 'smollm2:135m', input: 'hi' }
  it.each([
    ['previous_response_id', { previous_response_id: 'resp_1' }, 'Send the whole conversation instead.'],
    [
      'web_search',
      { tools: [{ type: 'web_search' }] },
      'Disable the tool in the client, or ask the operator for `allow: [webSearch]`',
    ],
  ])('is refused and not left out where the role is strict: %s', (what, more, advice) =>
    behind('strict: true', 'ollama', async (strict) => {
      const response = await strict.post('/v1/responses', { ...ask, ...more })
      const text = await response.text()
      expect([response.status, text.includes(`\`${what}\``), text.includes(advice)], text).toEqual([
        400,
        true,
        true,
      ])
      expect((await strict.post('/v1/responses', ask)).status).toBe(200)
    }),
  )

  it('is searched for by the model server where the role allows it', () =>
    behind('allow: [webSearch]', 'ollama', async (searching) => {
      const response = await searching.post('/v1/responses', { ...ask, tools: [{ type: 'web_search' }] })
      await response.text()
      expect([response.status, response.headers.get('x-torwart-left-out')]).toEqual([200, null])
      expect(model.posts.at(-1)?.json.tools).toEqual([{ type: 'web_search' }])
    }))

  it('reaches a server of OpenAI’s API as it is', () =>
    behind('tools: { allow: ["*"] }', 'openai', async (other) => {
      const { body } = codex[3] as Step
      const tools = [applyPatch, { type: 'local_shell' }, { type: 'shell', environment: { type: 'local' } }]
      const response = await other.post('/v1/responses', { ...body, tools })
      await response.text()
      expect(response.status).toBe(200)
      expect(model.posts.at(-1)?.json.tools).toEqual(tools)
      const items = model.posts.at(-1)?.json.input as { type: string }[]
      expect(items.slice(-4)).toMatchObject(
        (body.input as object[]).slice(-4).map((item) => {
          const { status: _status, ...rest } = item as Record<string, unknown>
          return rest
        }),
      )
    }))
})

const streamOf = (args: string, name: string): string => {
  const item = { id: 'fc_1', call_id: 'call_1', name, type: 'function_call' }
  const at = { item_id: 'fc_1', output_index: 0 }
  const done = { ...item, status: 'completed', arguments: args }
  const answer = { id: 'resp_1', object: 'response', model: 'smollm2:135m' }
  return [
    { type: 'response.created', response: { ...answer, status: 'in_progress', output: [] } },
    {
      type: 'response.output_item.added',
      output_index: 0,
      item: { ...item, status: 'in_progress', arguments: '' },
    },
    { type: 'response.function_call_arguments.delta', ...at, delta: args.slice(0, 20) },
    { type: 'response.function_call_arguments.delta', ...at, delta: args.slice(20) },
    { type: 'response.function_call_arguments.done', ...at, arguments: args },
    { type: 'response.output_item.done', output_index: 0, item: done },
    {
      type: 'response.completed',
      response: {
        ...answer,
        status: 'completed',
        output: [done],
        usage: { input_tokens: 9, output_tokens: 9 },
      },
    },
  ]
    .map(
      (event, index) =>
        `event: ${event.type}\ndata: ${JSON.stringify({ ...event, sequence_number: index })}\n\n`,
    )
    .join('')
}
const eventsIn = (text: string) =>
  [...text.matchAll(/^data: (.*)$/gm)].map(([, data]) => JSON.parse(data ?? '') as Record<string, unknown>)

describe('a call in an answer', () => {
  const answering = async (args: string, tools?: string, name = 'apply_patch') => {
    const server = await startModelServer()
    server.script = (_seen, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.end(streamOf(args, name))
    }
    const other = await startGate({
      upstream: server.url,
      role: `    routes: [chat]\n    models: ["smollm2:*"]${tools === undefined ? '' : `\n    tools: ${tools}`}`,
    })
    try {
      const response = await other.post('/v1/responses', (codex[1] as Step).body)
      return eventsIn(await response.text())
    } finally {
      await other.close()
      await server.close()
    }
  }

  it.each([
    ['of a custom tool that nobody judges', undefined],
    ['of a custom tool that may be made', '{ allow: ["*"] }'],
    ['of a custom tool that may be made by name', '{ allow: [apply_patch] }'],
  ])('%s reaches Codex as one, with the text that it is given', async (_name, tools) => {
    const events = await answering(JSON.stringify({ input: patch }), tools)
    const item = { type: 'custom_tool_call', id: 'fc_1', call_id: 'call_1', name: 'apply_patch' }
    expect(events.map(({ type }) => type)).toEqual([
      'response.created',
      'response.output_item.added',
      'response.custom_tool_call_input.done',
      'response.output_item.done',
      'response.completed',
    ])
    expect(events.map(({ sequence_number }) => sequence_number)).toEqual([0, 1, 2, 3, 4])
    expect(events[2]).toMatchObject({ item_id: 'fc_1', input: patch })
    expect(events[3]?.item).toEqual({ ...item, status: 'completed', input: patch })
    expect(events[4]).toMatchObject({ response: { output: [{ ...item, input: patch }] } })
    expect(JSON.stringify(events)).not.toContain('function_call"')
  })

  it('of a function in a namespace says both names, and is judged by its own', async () => {
    const item = { name: 'multi_agent.spawn_agent', args: '{"message":"Look for greetings."}' }
    const events = await answering(item.args, '{ allow: [spawn_agent] }', item.name)
    const call = {
      type: 'function_call',
      name: 'spawn_agent',
      namespace: 'multi_agent',
      arguments: item.args,
    }
    expect(events.at(-2)).toMatchObject({ type: 'response.output_item.done', item: call })
    expect(events.at(-1)).toMatchObject({ response: { output: [call] } })
  })

  it('that is no JSON reaches it as it was written', async () => {
    const events = await answering('*** Begin Patch, and so on')
    expect(events[3]?.item).toMatchObject({ type: 'custom_tool_call', input: '*** Begin Patch, and so on' })
  })

  it('is refused by name', async () => {
    const events = await answering(JSON.stringify({ input: patch }), '{ allow: [exec_command] }')
    expect(events.at(-1)).toMatchObject({ type: 'response.failed' })
    expect(JSON.stringify(events)).toContain('calls a tool (apply_patch) that this key may not use')
    expect(JSON.stringify(events)).not.toContain('Good day')
  })

  it('is refused where rules speak of arguments, even if its text is JSON', async () => {
    const rules = '{ allow: [apply_patch], arguments: { apply_patch: { path: "^/src/" } } }'
    const events = await answering(JSON.stringify({ input: '{"path":"/src/a"}' }), rules)
    expect(JSON.stringify(events)).toContain('with arguments that this key may not use')
  })
})

describe('what a server cannot read is refused by name', () => {
  const ask = { model: 'smollm2:135m', input: 'hi' }
  it.each<[string, string, object, RegExp]>([
    [
      'a shell',
      '/v1/responses',
      { ...ask, tools: [{ type: 'local_shell' }] },
      /`tools\[0\]`.*`local_shell`.*Disable/,
    ],
    ['a server of tools', '/v1/responses', { ...ask, tools: [{ type: 'mcp', server_label: 'x' }] }, /`mcp`/],
    ['a found tool', '/v1/responses', { ...ask, tools: [{ type: 'tool_search' }] }, /`tool_search`/],
    [
      'a tool of no published type',
      '/v1/responses',
      { ...ask, tools: [{ type: 'evil_one' }] },
      /Tools of this type/,
    ],
    [
      'a shortened conversation',
      '/v1/responses',
      { ...ask, input: [{ type: 'compaction', encrypted_content: 'x' }] },
      /`input\[0\]`.*`compaction`.*summary/,
    ],
    [
      'a reference',
      '/v1/responses',
      { ...ask, input: [{ type: 'item_reference', id: 'msg_1' }] },
      /`item_reference`.*Send the whole conversation/,
    ],
    [
      'a custom tool of chat completions',
      '/v1/chat/completions',
      {
        model: 'smollm2:135m',
        messages: [{ role: 'user', content: 'hi' }],
        tools: [{ type: 'custom', custom: { name: 'x' } }],
      },
      /`custom`/,
    ],
    [
      'code that runs at Anthropic',
      '/v1/messages',
      {
        model: 'smollm2:135m',
        max_tokens: 9,
        messages: [{ role: 'user', content: 'hi' }],
        tools: [{ type: 'code_execution_20250825', name: 'code_execution' }],
      },
      /`code_execution_20250825`/,
    ],
  ])('%s', async (_name, path, body, message) => {
    const response = await gate.post(path, body)
    const text = await response.text()
    expect([response.status, response.headers.get('x-torwart-code')], text).toEqual([400, 'invalid_request'])
    expect((JSON.parse(text) as { error: { message: string } }).error.message).toMatch(message)
  })

  it('compaction on the server: 404 that says what to do', async () => {
    const response = await gate.post('/v1/responses/compact', { model: 'smollm2:135m', input: [] })
    expect([response.status, response.headers.get('x-torwart-code')]).toEqual([404, 'not_found'])
    expect(await response.text()).toContain('Have the client compact the conversation itself')
  })
})

describe('a body that was sent to the wrong route is told the right one', () => {
  const messages = [{ role: 'user', content: 'hi' }]
  it.each<[string, object, string]>([
    [
      '/v1/chat/completions',
      { input: 'hi' },
      '`messages` is missing. A request with `input` belongs on `/v1/responses`.',
    ],
    [
      '/v1/responses',
      { messages },
      '`input` is missing. A request with `messages` belongs on `/v1/chat/completions`.',
    ],
    [
      '/v1/completions',
      { messages },
      '`prompt` is missing. A request with `messages` belongs on `/v1/chat/completions`.',
    ],
    [
      '/api/chat',
      { prompt: 'hi' },
      '`messages` is missing. A request with `prompt` belongs on `/api/generate`.',
    ],
    ['/api/generate', { messages }, '`prompt` is missing. A request with `messages` belongs on `/api/chat`.'],
  ])('%s', async (path, body, message) => {
    const response = await gate.post(path, { model: 'smollm2:135m', ...body })
    expect(response.status).toBe(400)
    expect(JSON.stringify(await response.json())).toContain(message)
  })
})
