/**
 * Whoever writes an answer can write where they like: a secret in any string of it, known to its API or not, never leaves,
 * and calls in forms nobody has heard of are judged, or taken out.
 */
import { describe, expect, it } from 'vitest'
import type { JsonObject } from '../../src/core/json.ts'
import type { ToolCall } from '../../src/dialects/dialect.ts'
import { guardWith, throughGuard } from '../rig/guarding.ts'
import { readerFor, speakers } from '../rig/speakers.ts'

const secret = 'sk-proj-Kq7Zx2Wm9Rt4Vb8Nc3Ld6Pf5Gh1Js0Ty'
const model = 'm'
const note = 'Taken out.'

function speakerOf(name: string) {
  const speaker = speakers.find((each) => each.name === name)
  if (!speaker) throw new Error(`no speaker ${name}`)
  return speaker
}
const ndjson = (...lines: readonly object[]) => lines.map((line) => `${JSON.stringify(line)}\n`).join('')
const sse = (...events: readonly (JsonObject | string)[]) =>
  events
    .map((event) =>
      typeof event === 'string'
        ? `data: ${event}\n\n`
        : `${typeof event.type === 'string' ? `event: ${event.type}\n` : ''}data: ${JSON.stringify(event)}\n\n`,
    )
    .join('')

async function run(name: string, sent: string) {
  const speaker = speakerOf(name)
  const { text } = await throughGuard(
    readerFor(speaker),
    speaker.contentType,
    [Buffer.from(sent)],
    guardWith(),
  )
  return text
}
async function judged(name: string, sent: string, said: 'pass' | 'strip' = 'strip') {
  const speaker = speakerOf(name)
  const asked: ToolCall[] = []
  const pieces = [Buffer.from(sent)]
  const { text } = await throughGuard(
    readerFor(speaker),
    speaker.contentType,
    pieces,
    guardWith(),
    (call) => {
      asked.push(call)
      return said === 'pass' ? { kind: 'pass' } : { kind: 'strip', note }
    },
  )
  return { asked, text }
}

const done = { model, message: { role: 'assistant', content: '' }, done: true, done_reason: 'stop' }
const line = (more: JsonObject, message: JsonObject = {}) => ({
  model,
  created_at: '2026-11-22T16:38:59.32912494Z',
  message: { role: 'assistant', content: 'Hi', ...message },
  done: false,
  ...more,
})
const chunk = (choice: JsonObject, more: JsonObject = {}) => ({
  id: 'chatcmpl-1',
  object: 'chat.completion.chunk',
  model,
  choices: [{ index: 0, delta: { content: 'Hi' }, finish_reason: null, ...choice }],
  ...more,
})
const end = chunk({ delta: {}, finish_reason: 'stop' })
const completion = (message: JsonObject, more: JsonObject = {}, choice: JsonObject = {}) =>
  JSON.stringify({
    id: 'c',
    object: 'chat.completion',
    model,
    choices: [
      {
        index: 0,
        message: { role: 'assistant', content: 'Hi', ...message },
        finish_reason: 'stop',
        ...choice,
      },
    ],
    ...more,
  })
const response = (items: readonly JsonObject[], more: JsonObject = {}): JsonObject => ({
  id: 'resp_1',
  object: 'response',
  status: 'completed',
  model,
  output: [...items],
  ...more,
})
const message = (content: readonly JsonObject[], more: JsonObject = {}) =>
  JSON.stringify({
    id: 'msg_1',
    type: 'message',
    role: 'assistant',
    model,
    content,
    stop_reason: 'end_turn',
    ...more,
  })
const start = {
  type: 'message_start',
  message: { id: 'm', type: 'message', role: 'assistant', model, content: [] },
}
const stop = [{ type: 'message_delta', delta: { stop_reason: 'end_turn' } }, { type: 'message_stop' }]

describe('a secret where no words are expected', () => {
  it.each<readonly [place: string, speaker: string, sent: string]>([
    ['a reason', 'ollama chat, streamed', ndjson(line({}), { ...done, done_reason: secret })],
    ['a role', 'ollama chat, streamed', ndjson(line({}, { role: secret }), done)],
    [
      'the name of a tool that was asked',
      'ollama chat, streamed',
      ndjson(line({}, { tool_name: secret }), done),
    ],
    ['another host', 'ollama chat, whole', JSON.stringify({ ...line({}), done: true, remote_host: secret })],
    [
      'a field of its own',
      'ollama chat, whole',
      JSON.stringify({ ...line({}), done: true, x: [{ y: [secret] }] }),
    ],
    [
      'the id of a call',
      'ollama chat, whole',
      JSON.stringify({
        ...line({}, { tool_calls: [{ id: secret, function: { name: 'a', arguments: {} } }] }),
        done: true,
      }),
    ],
    ['an id', 'openai chat, streamed', sse(chunk({}, { id: secret }), end, '[DONE]')],
    ['a fingerprint', 'openai chat, streamed', sse(chunk({}, { system_fingerprint: secret }), end, '[DONE]')],
    ['an ending', 'openai chat, streamed', sse(chunk({}), chunk({ finish_reason: secret }), '[DONE]')],
    [
      'parts of a text',
      'openai chat, streamed',
      sse(chunk({ delta: { content: [{ type: 'text', text: secret }] } }), end, '[DONE]'),
    ],
    [
      'a message beside a delta',
      'openai chat, streamed',
      sse(chunk({ message: { content: secret } }), end, '[DONE]'),
    ],
    [
      'parts of a whole text',
      'openai chat, whole',
      completion({ content: [{ type: 'text', text: secret }] }),
    ],
    ['a delta beside a message', 'openai chat, whole', completion({}, {}, { delta: { content: secret } })],
    [
      'details of a thought',
      'openai chat, whole',
      completion({ reasoning_details: [{ type: 'x', text: secret }] }),
    ],
    ['sound, as it is read', 'openai chat, whole', completion({ audio: { id: 'a', transcript: secret } })],
    [
      'a note in the margin',
      'openai chat, whole',
      completion({ annotations: [{ url_citation: { title: secret } }] }),
    ],
    [
      'a custom tool',
      'openai chat, whole',
      completion({ tool_calls: [{ id: 'a', type: 'custom', custom: { name: 'x', input: secret } }] }),
    ],
    ['a call of no form', 'openai chat, whole', completion({ tool_calls: [{ id: 'a', what: secret }] })],
    [
      'bytes beside a text',
      'openai chat, whole',
      completion(
        {},
        {},
        { logprobs: { content: [{ token: 'Hi', logprob: -1, bytes: [...Buffer.from(secret)] }] } },
      ),
    ],
    [
      'what might have been said',
      'openai chat, whole',
      completion(
        {},
        {},
        {
          logprobs: {
            content: [
              {
                token: 'Hi',
                logprob: -1,
                top_logprobs: [{ token: 'Hi', logprob: -1, bytes: null, x: secret }],
              },
            ],
          },
        },
      ),
    ],
    [
      'a call of a server of tools',
      'responses, whole',
      JSON.stringify(response([{ id: 'a', type: 'mcp_call', name: 'x', arguments: '{}', output: secret }])),
    ],
    [
      'queries',
      'responses, whole',
      JSON.stringify(
        response([{ id: 'a', type: 'web_search_call', action: { query: 'x', queries: [secret] } }]),
      ),
    ],
    [
      'the name of a file',
      'responses, whole',
      JSON.stringify(
        response([
          {
            type: 'message',
            role: 'assistant',
            content: [{ type: 'output_text', text: 'Hi', annotations: [{ filename: secret }] }],
          },
        ]),
      ),
    ],
    ['metadata', 'responses, whole', JSON.stringify(response([], { metadata: { x: secret } }))],
    [
      'words that the client never gave',
      'responses, whole',
      JSON.stringify(response([], { instructions: secret })),
    ],
    [
      'an event of its own',
      'responses, streamed',
      sse({ type: 'response.x', y: { z: [secret] } }, { type: 'response.completed', response: response([]) }),
    ],
    [
      'a quotation',
      'messages, whole',
      message([{ type: 'text', text: 'Hi', citations: [{ cited_text: secret }] }]),
    ],
    ['a thought nobody may read', 'messages, whole', message([{ type: 'redacted_thinking', data: secret }])],
    [
      'what was found',
      'messages, whole',
      message([{ type: 'web_search_tool_result', content: [{ title: secret }] }]),
    ],
    ['a stop', 'messages, whole', message([{ type: 'text', text: 'Hi' }], { stop_sequence: secret })],
    [
      'the name of a member of an item',
      'responses, whole',
      JSON.stringify(response([{ id: 'a', type: 'message', [secret]: 1 }])),
    ],
    ['the name of a member', 'messages, whole', message([], { [secret]: 1 })],
    ['a name deep within', 'ollama chat, streamed', ndjson(line({ x: [{ y: { [secret]: 1 } }] }), done)],
    ['what should be pictures', 'ollama chat, streamed', ndjson(line({}, { images: [secret] }), done)],
    ['what should be a vector', 'openai chat, whole', completion({}, { embedding: secret })],
    [
      'a delta of a kind of its own',
      'messages, streamed',
      sse(
        start,
        { type: 'content_block_delta', index: 0, delta: { type: 'x_delta', words: secret.slice(0, 20) } },
        { type: 'content_block_delta', index: 0, delta: { type: 'x_delta', words: secret.slice(20) } },
        ...stop,
      ),
    ],
    [
      'a block that begins with half of it',
      'messages, streamed',
      sse(
        start,
        { type: 'content_block_start', index: 0, content_block: { type: 'text', text: secret.slice(0, 20) } },
        { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: secret.slice(20) } },
        { type: 'content_block_stop', index: 0 },
        ...stop,
      ),
    ],
    [
      'an event of a kind of its own',
      'messages, streamed',
      sse(start, { type: 'x', delta: { text: secret } }, ...stop),
    ],
  ])('%s: %s', async (_place, speaker, sent) => {
    const text = await run(speaker, sent)
    expect(text).not.toContain(secret.slice(-12))
    expect(text).not.toContain(String(secret.charCodeAt(0)).concat(',', String(secret.charCodeAt(1))))
  })

  it('behind the end of its choice is one with what stood before it: LocalAI gives all choices one number', async () => {
    const text = await run(
      'openai chat, streamed',
      sse(
        chunk({ delta: { content: `so ${secret.slice(0, 20)}` }, finish_reason: 'stop' }),
        chunk({ delta: { content: `${secret.slice(20)} it is` } }),
        end,
        '[DONE]',
      ),
    )
    expect(text).not.toContain(secret.slice(20, 28))
    expect(text).toContain('[redacted:api-key] it ')
  })

  it('in pieces is known where a reason to end is empty until there is one', async () => {
    const pieces = (secret.match(/.{1,7}/g) ?? []).map((content) =>
      chunk({ delta: { content }, finish_reason: '' }),
    )
    const text = await run('openai chat, streamed', sse(...pieces, end, '[DONE]'))
    expect(text).not.toMatch(/Kq7Z|c3Ld|6Pf5|Js0Ty/)
    expect(text).toContain('[redacted:api-key]')
  })

  it('in one place is known whether or not its item is named', async () => {
    const piece = (delta: string, more: object) => ({
      type: 'response.output_text.delta',
      output_index: 0,
      content_index: 0,
      delta,
      ...more,
    })
    const text = await run(
      'responses, streamed',
      sse(piece(secret.slice(0, 20), { item_id: 'i' }), piece(secret.slice(20), {}), {
        type: 'response.completed',
        response: response([]),
      }),
    )
    expect(text).not.toContain(secret.slice(20, 28))
    expect(text).not.toContain(secret.slice(0, 16))
  })

  it('but what says nothing leaves as it came', async () => {
    for (const [speaker, sent] of [
      ['ollama chat, streamed', ndjson(line({}), done)],
      ['openai chat, streamed', sse(chunk({}), end, '[DONE]')],
      [
        'responses, whole',
        JSON.stringify(
          response([{ id: 'a', type: 'message', content: [] }], {
            tools: [{ name: 'a', description: 'One of my tools' }],
          }),
        ),
      ],
      ['messages, whole', message([{ type: 'text', text: 'Hi' }])],
    ] as const)
      expect(await run(speaker, sent)).toBe(sent)
  })
})

describe('a call in a form of its own', () => {
  const item = (more: JsonObject): JsonObject => ({ id: 'a', call_id: 'c', ...more })
  const plainCall = item({ type: 'function_call', name: 'x', arguments: '{}' })
  /** An item as it begins, what comes of it in pieces, and as it is in the end. */
  const steps = (begun: JsonObject, pieces: readonly JsonObject[], whole: JsonObject) =>
    sse(
      { type: 'response.output_item.added', output_index: 0, item: begun },
      ...pieces,
      { type: 'response.output_item.done', output_index: 0, item: whole },
      { type: 'response.completed', response: response([whole]) },
    )
  it.each<readonly [form: string, speaker: string, sent: string, name: string]>([
    [
      'of a custom tool',
      'openai chat, whole',
      completion({ tool_calls: [{ id: 'a', type: 'custom', custom: { name: 'x', input: 'rm' } }] }),
      'x',
    ],
    [
      'of a custom tool, streamed',
      'openai chat, streamed',
      sse(
        chunk({
          delta: { tool_calls: [{ index: 0, id: 'a', type: 'custom', custom: { name: 'x', input: 'rm' } }] },
        }),
        chunk({ delta: {}, finish_reason: 'tool_calls' }),
        '[DONE]',
      ),
      'x',
    ],
    [
      'of two forms',
      'openai chat, whole',
      completion({
        tool_calls: [
          { id: 'a', function: { name: 'y', arguments: 'rm' }, custom: { name: 'x', input: 'rm' } },
        ],
      }),
      '',
    ],
    [
      'of none',
      'openai chat, whole',
      completion({ tool_calls: [{ id: 'a', type: 'shell', run: 'rm' }] }),
      '',
    ],
    [
      'beside a text that was not asked as a chat',
      'ollama generate, streamed',
      ndjson(
        {
          model,
          response: 'Hi',
          tool_calls: [{ id: 'a', function: { name: 'x', arguments: { a: 'rm' } } }],
          done: false,
        },
        { model, response: '', done: true },
      ),
      'x',
    ],
    [
      'that asks for a yes itself',
      'responses, whole',
      JSON.stringify(response([item({ type: 'mcp_approval_request', name: 'x', arguments: '"rm"' })])),
      'x',
    ],
    [
      'whose beginning says something else',
      'responses, streamed',
      steps({ ...plainCall, arguments: '{"a":"rm"}' }, [], plainCall),
      '',
    ],
    [
      'of a shell',
      'responses, whole',
      JSON.stringify(response([item({ type: 'local_shell_call', action: { command: ['rm'] } })])),
      'local_shell_call',
    ],
    [
      'of a server of tools',
      'responses, whole',
      JSON.stringify(response([item({ type: 'mcp_call', name: 'x', arguments: '"rm"' })])),
      'x',
    ],
    [
      'of a shell, streamed',
      'responses, streamed',
      steps(
        item({ type: 'shell_call' }),
        [{ type: 'response.shell_call_command.delta', output_index: 0, delta: 'rm' }],
        item({ type: 'shell_call', action: 'rm' }),
      ),
      'shell_call',
    ],
    [
      'whose pieces say something else',
      'responses, streamed',
      steps(
        { ...plainCall, arguments: '' },
        [{ type: 'response.function_call_arguments.delta', output_index: 0, delta: '{"a":"rm"}' }],
        plainCall,
      ),
      '',
    ],
    [
      'of a server of tools, in a block',
      'messages, whole',
      message([{ type: 'mcp_tool_use', id: 'a', name: 'x', input: { a: 'rm' } }]),
      'x',
    ],
    [
      'that says its input twice',
      'messages, streamed',
      sse(
        start,
        {
          type: 'content_block_start',
          index: 0,
          content_block: { type: 'tool_use', id: 'a', name: 'x', input: { a: 'rm' } },
        },
        { type: 'content_block_delta', index: 0, delta: { type: 'input_json_delta', partial_json: '{}' } },
        { type: 'content_block_stop', index: 0 },
        ...stop,
      ),
      '',
    ],
  ])('%s is judged: %s', async (_form, speaker, sent, name) => {
    const { asked, text } = await judged(speaker, sent)
    expect(asked.map((each) => each.name)).toEqual([name])
    expect(text).not.toContain('rm')
    expect(text).toContain(note)
    if (name !== '') expect((await judged(speaker, sent, 'pass')).text).toContain('rm')
  })

  const piece = (more: JsonObject) => chunk({ delta: { tool_calls: [more as JsonObject] } })
  const called = chunk({ delta: {}, finish_reason: 'tool_calls' })

  it('leaves from the place of a text, which Ollama gives it, and the text goes on', async () => {
    const told = (delta: string) => ({
      type: 'response.output_text.delta',
      item_id: 'm',
      output_index: 0,
      content_index: 0,
      delta,
    })
    const sent = sse(
      told('Hi '),
      { type: 'response.output_item.added', output_index: 0, item: plainCall },
      { type: 'response.output_item.done', output_index: 0, item: plainCall },
      told('there'),
      { type: 'response.completed', response: response([plainCall]) },
    )
    const { asked, text } = await judged('responses, streamed', sent, 'pass')
    expect(asked).toHaveLength(1)
    expect(text).toContain('there')
  })

  it('in blocks out of order leaves with its own arguments', async () => {
    const begin = (index: number, name: string) => ({
      type: 'content_block_start',
      index,
      content_block: { type: 'tool_use', id: name, name, input: {} },
    })
    const give = (index: number, partial_json: string) => ({
      type: 'content_block_delta',
      index,
      delta: { type: 'input_json_delta', partial_json },
    })
    const over = (index: number) => ({ type: 'content_block_stop', index })
    const sent = sse(
      start,
      ...[begin(7, 'x'), begin(2, 'y'), give(2, '{"y":1}'), give(7, '{"x":1}'), over(7), over(2)],
      ...stop,
    )
    const { text } = await judged('messages, streamed', sent, 'pass')
    const events = text
      .split('\n')
      .flatMap((each) => (each.startsWith('data: ') ? [JSON.parse(each.slice(6))] : []))
    const placed = events
      .filter(({ index }) => index !== undefined)
      .map(({ type, index }) => `${type} ${index}`)
    expect(placed.map((each) => each.replace('content_block_', ''))).toEqual([
      'start 0',
      'delta 0',
      'stop 0',
      'start 1',
      'delta 1',
      'stop 1',
    ])
    expect(text.indexOf('"x"')).toBeLessThan(text.indexOf('"y"'))
  })

  it('that comes once more at the end is another one', async () => {
    const call = (id: string) => item({ type: 'function_call', call_id: id, name: 'x', arguments: '{}' })
    const sent = sse(
      { type: 'response.output_item.added', output_index: 0, item: call('c1') },
      { type: 'response.output_item.done', output_index: 0, item: call('c1') },
      { type: 'response.completed', response: response([call('c1'), call('c2')]) },
    )
    const { asked } = await judged('responses, streamed', sent, 'pass')
    expect(asked.map(({ id }) => id)).toEqual(['c1', 'c2'])
  })

  it.each([
    ['two forms', { custom: {}, function: { name: 'delete_all', arguments: '{}' } }],
    ['another form', { custom: { name: 'y', input: 'x' } }],
  ])('whose second piece has %s is a call of nothing', async (_what, more) => {
    const sent = sse(
      piece({ index: 0, id: 'a', function: { name: 'x', arguments: '' } }),
      piece({ index: 0, ...more }),
      called,
      '[DONE]',
    )
    const { asked, text } = await judged('openai chat, streamed', sent, 'strip')
    expect(asked.map(({ name }) => name)).toEqual([''])
    expect(text).not.toContain('delete_all')
    expect((await judged('openai chat, streamed', sent, 'pass')).text).not.toContain('delete_all')
  })

  it('in the place of another is a call of its own', async () => {
    const sent = sse(
      piece({ index: 0, id: 'a', function: { name: 'x', arguments: '{"a":1}' } }),
      piece({ index: 0, id: 'b', function: { name: 'y', arguments: '' } }),
      piece({ index: 0, function: { arguments: '{"b":2}' } }),
      called,
      '[DONE]',
    )
    const { asked, text } = await judged('openai chat, streamed', sent, 'pass')
    expect(asked.map(({ name, arguments: args }) => [name, args])).toEqual([
      ['x', '{"a":1}'],
      ['y', '{"b":2}'],
    ])
    expect(text).toContain('"index":1,"id":"b"')
  })

  it.each([
    ['with the place', { index: 0 }],
    ['without', {}],
  ])('whose name comes in pieces leaves whole: %s', async (_how, place) => {
    const sent = sse(
      piece({ ...place, id: 'a', function: { name: 'search_x', arguments: '' } }),
      piece({ ...place, function: { name: '_y', arguments: '{}' } }),
      called,
      '[DONE]',
    )
    const { asked, text } = await judged('openai chat, streamed', sent, 'pass')
    expect(asked.map(({ name }) => name)).toEqual(['search_x_y'])
    expect(text).toContain('"name":"search_x_y"')
    expect(text).not.toContain('"name":"_y"')
  })
})
