/** Tool calls of answers in every dialect, streamed and whole, and a made-up judge: what it does not let pass never leaves. */
import { describe, expect, it } from 'vitest'
import { Refusal } from '../../src/core/refusal.ts'
import type { CallVerdict, JudgeCall } from '../../src/dialects/common/call-verdict.ts'
import type { ToolCall } from '../../src/dialects/dialect.ts'
import { judgeCalls } from '../../src/pipeline/response/await-approval.ts'
import { guardWith, throughGuard } from '../rig/guarding.ts'
import { readerFor, type Said, speakers } from '../rig/speakers.ts'

const said: Said = {
  content: 'I will do it.',
  thinking: 'They want it.',
  args: JSON.stringify({ to: 'bob', amount: 900 }),
  second: 'Or not.',
}
const note = 'The tool call was taken out.'
const cut = (text: string) => text.match(/[\s\S]{1,4}/g) ?? []
const calling = speakers.filter(({ channels }) => channels.includes('args'))

describe.each(calling.map((speaker) => [speaker.name, speaker] as const))('%s', (_name, speaker) => {
  const wire = Buffer.from(speaker.speak(said, cut))
  const run = async (verdict: CallVerdict) => {
    const asked: ToolCall[] = []
    const judge: JudgeCall = (call) => {
      asked.push(call)
      return verdict
    }
    const guard = guardWith()
    // One byte at a time, so that no call comes in one piece by chance.
    const pieces = [...wire].map((byte) => Uint8Array.of(byte))
    const passed = await throughGuard(readerFor(speaker), speaker.contentType, pieces, guard, judge)
    return { asked, text: passed.text, heard: speaker.hear(passed.text) }
  }
  const hears = (more: Partial<Said>) =>
    Object.fromEntries(
      Object.entries({ ...said, ...more }).map(([key, text]) => [
        key,
        speaker.channels.includes(key as keyof Said) ? text : '',
      ]),
    )

  it('is judged when it is complete, once, and leaves if it may', async () => {
    const { asked, heard } = await run({ kind: 'pass' })
    expect(asked).toMatchObject([{ name: 'send', arguments: said.args }])
    expect(heard).toEqual(hears({}))
  })

  it('is taken out, and a note stands in its place', async () => {
    const { asked, text, heard } = await run({ kind: 'strip', note })
    expect(asked).toHaveLength(1)
    expect(text).not.toMatch(/bob|tool_use"|"tool_calls"|function_call"/)
    expect(heard.args).toBe('')
    expect(heard.content.replaceAll('\n', '')).toBe(`${said.content}${note}`)
  })

  it('ends the answer, and nothing of it leaves', async () => {
    const refusal = new Refusal('tool_not_allowed')
    await expect(run({ kind: 'refuse', refusal })).rejects.toBe(refusal)
  })

  it('waits for a yes', async () => {
    const { heard } = await run({ kind: 'wait', note, decided: Promise.resolve({ kind: 'pass' }) })
    expect(heard).toEqual(hears({}))
  })

  it('is refused by a no', async () => {
    const refusal = new Refusal('approval_denied')
    const decided = Promise.resolve({ kind: 'refuse' as const, refusal })
    await expect(run({ kind: 'wait', note, decided })).rejects.toBe(refusal)
  })
})

describe('several calls', () => {
  const chunk = (choice: object) =>
    `data: ${JSON.stringify({ id: 'c', model: 'm', choices: [{ index: 0, finish_reason: null, ...choice }] })}\n\n`
  const call = (index: number, name: string, more: object = {}) =>
    chunk({
      delta: {
        tool_calls: [{ index, id: `id${index}`, type: 'function', function: { name, arguments: '' } }],
      },
      ...more,
    })
  const piece = (index: number, args: string, more: object = {}) =>
    chunk({ delta: { tool_calls: [{ index, function: { arguments: args } }] }, ...more })
  const stream = [
    call(0, 'pay'),
    call(1, 'look'),
    piece(0, '{"a'),
    piece(1, '{"b":2}'),
    piece(0, '":1}'),
    call(0, 'pay', { index: 1 }),
    piece(0, '{"c":3}', { index: 1 }),
    chunk({ delta: {}, finish_reason: 'tool_calls' }),
    chunk({ index: 1, delta: {}, finish_reason: 'tool_calls' }),
    'data: [DONE]\n\n',
  ].join('')
  const openai = speakers.find(({ name }) => name === 'openai chat, streamed')

  it('of several choices are judged one by one, and what is left is numbered anew', async () => {
    if (!openai) throw new Error('no such speaker')
    const asked: ToolCall[] = []
    const judge: JudgeCall = (each) => {
      asked.push(each)
      return each.name === 'pay' ? { kind: 'strip', note } : { kind: 'pass' }
    }
    const { text } = await throughGuard(
      readerFor(openai),
      openai.contentType,
      [Buffer.from(stream)],
      guardWith(),
      judge,
    )
    expect(asked).toMatchObject([
      { name: 'pay', arguments: '{"a":1}' },
      { name: 'look', arguments: '{"b":2}' },
      { name: 'pay', arguments: '{"c":3}' },
    ])
    expect(text).toContain(
      '{"tool_calls":[{"index":0,"id":"id1","type":"function","function":{"name":"look","arguments":"{\\"b\\":2}"}}]}',
    )
    expect(text).not.toContain('"pay"')
    expect(text.match(/"finish_reason":"[a-z_]+"/g)).toEqual([
      '"finish_reason":"tool_calls"',
      '"finish_reason":"stop"',
    ])
  })
})

describe('a call that stands where the API has none', () => {
  const item = { type: 'function_call', id: 'f', call_id: 'c', name: 'look', arguments: '{}' }
  const hidden = { ...item, id: 'g', name: 'pay' }
  const at = { sequence_number: 1, output_index: 0 }
  const block = { type: 'tool_use', id: 't', name: 'pay', input: {} }
  const tool_calls = [{ id: 't', type: 'function', function: { name: 'pay', arguments: '{}' } }]
  const choice = { index: 0, finish_reason: null, delta: { content: 'a' } }
  const chunk = { id: 'c', model: 'm', choices: [choice] }
  const line = { model: 'm', created_at: 'x', message: { role: 'assistant', content: 'a' }, done: false }

  it.each([
    ['responses', { type: 'response.output_item.added', ...at, item, response: { output: [hidden] } }],
    ['responses', { type: 'response.output_item.done', ...at, item, response: { output: [hidden] } }],
    ['responses', { type: 'response.in_progress', ...at, item: hidden }],
    ['responses', { type: 'response.content_part.added', ...at, part: hidden }],
    ['responses', { type: 'response.in_progress', ...at, response: { output: [] }, output: [hidden] }],
    ['responses', { type: 'response.in_progress', ...at, response: { output: [], more: [hidden] } }],
    ['messages', { type: 'ping', content_block: block }],
    ['messages', { type: 'message_delta', delta: { stop_reason: 'end_turn' }, content: [block] }],
    ['messages', { type: 'message_delta', delta: { stop_reason: 'end_turn', content: [block] } }],
    ['openai chat', { ...chunk, message: { tool_calls } }],
    ['openai chat', { ...chunk, choices: [{ ...choice, more: [{ message: { tool_calls } }] }] }],
    ['ollama chat', { ...line, choices: [{ message: { tool_calls } }] }],
    ['ollama chat', { ...line, messages: [{ role: 'assistant', tool_calls }] }],
  ])('is refused, in %s: %j', async (api, said) => {
    const speaker = speakers.find(({ name }) => name === `${api}, streamed`)
    if (!speaker) throw new Error('no such speaker')
    const data = JSON.stringify(said)
    const named = 'type' in said ? `event: ${said.type}\n` : ''
    const wire = Buffer.from(api === 'ollama chat' ? `${data}\n` : `${named}data: ${data}\n\n`)
    const passed = throughGuard(readerFor(speaker), speaker.contentType, [wire], guardWith(), () => ({
      kind: 'pass',
    }))
    await expect(passed).rejects.toMatchObject({ code: 'upstream_failed' })
  })

  it('is none where an answer says again what tools its client has declared', async () => {
    const responses = speakers.find(({ name }) => name === 'responses, streamed')
    if (!responses) throw new Error('no such speaker')
    const parameters = { type: 'object', properties: { tool_call: { type: 'string' } } }
    const response = { id: 'r', output: [], tools: [{ type: 'function', name: 'log', parameters }] }
    const data = JSON.stringify({ type: 'response.completed', sequence_number: 0, response })
    const wire = Buffer.from(`event: response.completed\ndata: ${data}\n\n`)
    const passed = await throughGuard(
      readerFor(responses),
      responses.contentType,
      [wire],
      guardWith(),
      () => ({ kind: 'pass' }),
    )
    expect(passed.text).toContain('"tool_call"')
  })
})

describe.each(speakers.map((speaker) => [speaker.name, speaker] as const))(
  'in the text, %s',
  (_name, speaker) => {
    const none: Said = { content: '', thinking: '', args: '', second: '' }
    const run = async (content: string, verdict: CallVerdict | Promise<CallVerdict>) => {
      const asked: ToolCall[] = []
      const judge: JudgeCall = (each) => {
        asked.push(each)
        return verdict
      }
      const sent = speaker.speak({ ...none, content }, (text) => [...text])
      const guard = guardWith()
      const { text } = await throughGuard(
        readerFor(speaker),
        speaker.contentType,
        [Buffer.from(sent)],
        guard,
        judge,
      )
      return { asked, heard: speaker.hear(text).content }
    }
    const tagged = 'Well: <tool_call>{"name":"pay","arguments":{"to":"bob"}}</tool_call> and <b>so</b> on.'

    it('a call that may pass leaves as it was written', async () => {
      const { asked, heard } = await run(tagged, { kind: 'pass' })
      expect(asked[0]).toEqual({ name: 'pay', arguments: '{"to":"bob"}' })
      expect(heard).toBe(tagged)
    })

    it('one that may not is taken out, and what is undecided too', async () => {
      expect((await run(tagged, { kind: 'strip', note })).heard).toBe(`Well: ${note} and <b>so</b> on.`)
      for (const verdict of [
        Promise.resolve<CallVerdict>({ kind: 'pass' }),
        { kind: 'wait' as const, note, decided: Promise.resolve<CallVerdict>({ kind: 'pass' }) },
      ])
        expect((await run(tagged, verdict)).heard).not.toContain('bob')
    })

    it.each([
      ['<tool_call>{"name":"pay","arguments":{"to":"bob"}}', 'pay'],
      ['<tool_call>{"name":"pay","arguments":{"to":"bob"}', ''],
      ['<function=pay>{"to":"bob"}</function>', 'pay'],
      ['[TOOL_CALLS] [{"name":"look"},{"name":"pay","arguments":{"to":"bob"}}]', 'look'],
      ['<|python_tag|>{"name":"pay","parameters":{"to":"bob"}}', 'pay'],
      ['<tool_calls>[{"name":"pay","arguments":{"to":"bob"}}]</tool_calls>', 'pay'],
      ['<TOOL_CALL>{"name":"pay","arguments":{"to":"bob"}}</TOOL_CALL>', 'pay'],
      ['<TOOLCALL>[{"name":"pay","arguments":{"to":"bob"}}]</TOOLCALL>', 'pay'],
      ['<tool_call >{"name":"pay","arguments":{"to":"bob"}}</tool_call >', 'pay'],
      ['<tool_call id="1">{"name":"pay","arguments":{"to":"bob"}}</tool_call>', 'pay'],
      ['<|tool_call|>[{"name":"pay","arguments":{"to":"bob"}}]<|/tool_call|>', 'pay'],
      ['<|tool_call|>[{"name":"pay","arguments":{"to":"bob"}}]', 'pay'],
      ['<|tool_call_start|>[pay(to="bob")]<|tool_call_end|>', ''],
      ['<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>pay', ''],
      ['<|tool_calls_section_begin|><|tool_call_begin|>functions.pay:0', ''],
      ['<tool_call>\n<function=pay>\n{"to":"bob"}\n</function>\n</tool_call>', 'pay'],
      ['<tool_call><function=look>{}</function><function=pay>{}</function></tool_call>', ''],
      ['<function_calls><invoke name="pay">bob</invoke></function_calls>', ''],
      ['<invoke name="pay"><parameter name="to">bob</parameter></invoke>', ''],
      ['<minimax:tool_call>pay bob</minimax:tool_call>', ''],
      ['[tool_call] {"name":"pay","arguments":{"to":"bob"}}', 'pay'],
      ['<|START_ACTION|>[{"name":"pay","parameters":{"to":"bob"}}]', 'pay'],
      ['<|channel|>commentary to=functions.pay <|message|>{"to":"bob"}<|call|>', ''],
      ['<|channel|> commentary to=functions.pay <|message|>{"to":"bob"}<|call|>', ''],
      ['<|channel|>analysis to=functions.pay<|message|>{"to":"bob"}<|call|>', ''],
      ['<|start|>assistant to=functions.pay<|message|>{"to":"bob"}<|call|>', ''],
      ['<｜DSML｜function_calls>{"to":"bob"}', ''],
      ['<tool_use>pay bob</tool_use>', ''],
      ['<start_function_call>pay bob', ''],
      ['<longcat_tool_call>pay bob</longcat_tool_call>', ''],
      ['<|action_start|><|plugin|>{"name":"pay","parameters":{"to":"bob"}}', ''],
      ['‹｜DSML｜function_calls>{"to":"bob"}', ''],
      ['<tool_call>no JSON "name": "pay" bob</tool_call>', ''],
      ['<tool_call>{"name":"look"}\n{"name":"pay"}</tool_call>', ''],
      ['<tool_call>{"name":"look","name":"pay"}</tool_call>', ''],
      ['<tool_call>{"name":"pay","function":{"name":"look"}}</tool_call>', ''],
      ['<tool_call>{"name":"look","arguments":{},"parameters":{"to":"bob"}}</tool_call>', ''],
      ['<tool_call>{"function":{"name":"look","arguments":{}},"parameters":{"to":"bob"}}</tool_call>', ''],
    ])('%s is one, of nothing if it could be read in two ways', async (text, name) => {
      const { asked, heard } = await run(text, { kind: 'strip', note })
      expect(asked[0]?.name).toBe(name)
      expect(heard).toBe(note)
    })

    it.each([
      'a < b and [1, 2] <b>bold</b> <toolbar> <tools> <functional> [tool]',
      'Call the function, <tool of the trade>, x <function>y</function>.',
      'ends with <tool',
    ])('%s is none', async (text) => {
      const { asked, heard } = await run(text, { kind: 'strip', note })
      expect(asked).toEqual([])
      expect(heard).toBe(text)
    })

    it('one that is thought is one too', async () => {
      const asked: ToolCall[] = []
      const judge: JudgeCall = (each) => {
        asked.push(each)
        return { kind: 'strip', note }
      }
      const sent = speaker.speak({ ...none, thinking: tagged }, (text) => [...text])
      const pieces = [Buffer.from(sent)]
      const { text } = await throughGuard(readerFor(speaker), speaker.contentType, pieces, guardWith(), judge)
      expect(text).not.toContain('bob')
      expect(asked.length).toBe(speaker.channels.includes('thinking') ? 1 : 0)
    })

    it('ends the answer', async () => {
      const refusal = new Refusal('tool_not_allowed')
      await expect(run(tagged, { kind: 'refuse', refusal })).rejects.toBe(refusal)
    })
  },
)

describe('a human who is asked', () => {
  const wait = (decided: Promise<CallVerdict>): CallVerdict => ({ kind: 'wait', note, decided })

  it('holds a stream that can be kept alive, with a sign of life at once', async () => {
    let beats = 0
    const decided = Promise.resolve<CallVerdict>({ kind: 'pass' })
    const keepAlive = () => {
      beats++
    }
    expect(
      await judgeCalls([{ name: 'a', arguments: '' }], { judge: () => wait(decided), keepAlive }),
    ).toEqual([{ kind: 'pass' }])
    expect(beats).toBe(1)
  })

  it('is not waited for where nothing can keep the client: the answer says so', async () => {
    const never = new Promise<CallVerdict>(() => {})
    expect(
      await judgeCalls([{ name: 'a', arguments: '' }], { judge: () => wait(never), keepAlive: false }),
    ).toEqual([{ kind: 'strip', note }])
  })

  it('is no yes when the judge fails', async () => {
    const judge = () => Promise.reject(new Error('x'))
    await expect(
      judgeCalls([{ name: 'a', arguments: '' }], { judge, keepAlive: undefined }),
    ).rejects.toMatchObject({
      code: 'internal',
    })
  })
})
