/** An answer that somebody behind the gate could read in another way than the gate is a failure of the server. */
import { describe, expect, it } from 'vitest'
import { JsonFault } from '../../src/core/json.ts'
import { Refusal } from '../../src/core/refusal.ts'
import { guardWith, throughGuard } from '../rig/guarding.ts'
import { readerFor, speakers } from '../rig/speakers.ts'

async function read(name: string, sent: string) {
  const speaker = speakers.find((each) => each.name === name)
  if (!speaker) throw new Error(`no speaker ${name}`)
  const pieces = [Buffer.from(sent)]
  return throughGuard(readerFor(speaker), speaker.contentType, pieces, guardWith(), () => ({ kind: 'pass' }))
}
const call = '{"function":{"name":"x","arguments":{}}}'
const openaiCall = (given: string) => `{"index":0,"id":"a","function":{"name":"x","arguments":${given}}}`
const inMessage = (member: string) => `{"model":"m","message":{"content":"",${member}},"done":true}\n`
const inDelta = (member: string) =>
  `data: {"model":"m","choices":[{"index":0,"delta":{${member}},"finish_reason":null}]}\n\n`
const event = (type: string, more: string, name = type) =>
  `event: ${name}\ndata: {"type":"${type}",${more}}\n\n`
const block = '"index":0,"content_block":{"type":"tool_use","id":"a","name":"x","input":{}}'
const piece = '"index":0,"delta":{"type":"input_json_delta","partial_json":"{}"}'
const item =
  '"output_index":0,"item":{"id":"f","type":"function_call","call_id":"c","name":"x","arguments":"{}"}'

const many = (count: number, of: (index: number) => string) =>
  Array.from({ length: count }, (_, index) => of(index)).join('')
const choice = (index: number) =>
  `data: {"model":"m","choices":[{"index":${index},"delta":{"content":"Hi"},"finish_reason":null}]}\n\n`

describe('an answer', () => {
  it.each<readonly [what: string, speaker: string, sent: string]>([
    ['with a key twice', 'ollama chat, streamed', inMessage('"tool_calls":[],"tool_calls":null')],
    ['with a key twice, deep within', 'ollama chat, streamed', inMessage('"x":[{"y":1,"y":2}]')],
    [
      'with a key twice, in a call',
      'openai chat, streamed',
      inDelta(`"tool_calls":[${openaiCall('"","name":"y"')}]`),
    ],
    ['with a twin of a key', 'ollama chat, streamed', inMessage(`"Tool_Calls":[${call}]`)],
    [
      'with a twin beyond ASCII',
      'ollama chat, streamed',
      '{"model":"m","me\u017fsage":{"content":"Hi"},"done":true}\n',
    ],
    [
      'with a twin in a call',
      'openai chat, streamed',
      inDelta('"tool_calls":[{"index":0,"Function":{"name":"x"}}]'),
    ],
    ['that is too deep', 'ollama chat, streamed', inMessage(`"x":${'['.repeat(70)}${']'.repeat(70)}`)],
    ['with calls that are no list', 'ollama chat, streamed', inMessage(`"tool_calls":${call}`)],
    ['with a call that is none', 'ollama chat, streamed', inMessage('"tool_calls":["x"]')],
    [
      'with a list of messages',
      'ollama chat, streamed',
      `{"model":"m","message":[{"tool_calls":[${call}]}],"done":true}\n`,
    ],
    ['with a choice that is a list', 'openai chat, streamed', 'data: {"model":"m","choices":[[]]}\n\n'],
    [
      'with choices that are no list',
      'openai chat, whole',
      '{"model":"m","choices":{"0":{"message":{"content":"Hi"}}}}',
    ],
    [
      'with a list of deltas',
      'openai chat, streamed',
      'data: {"model":"m","choices":[{"delta":[{"content":"Hi"}]}]}\n\n',
    ],
    [
      'with a list of old calls',
      'openai chat, whole',
      '{"model":"m","choices":[{"message":{"function_call":[{"name":"x"}]}}]}',
    ],
    [
      'with arguments that are an object',
      'openai chat, streamed',
      inDelta(`"tool_calls":[${openaiCall('{"a":1}')}]`),
    ],
    [
      'with a place before the first',
      'openai chat, streamed',
      inDelta('"tool_calls":[{"index":-1,"function":{"name":"x"}}]'),
    ],
    [
      'with an event that goes by another name',
      'messages, streamed',
      event('ping', '"x":1', 'content_block_start'),
    ],
    [
      'with blocks before they begin',
      'messages, streamed',
      event('message_start', `"message":{"content":[{"type":"tool_use","name":"x"}]}`),
    ],
    [
      'with a piece behind the end of its call',
      'messages, streamed',
      event('content_block_start', block) +
        event('content_block_stop', '"index":0') +
        event('content_block_delta', piece),
    ],
    ['with a piece of no call', 'messages, streamed', event('content_block_delta', piece)],
    [
      'with blocks that are no list',
      'messages, whole',
      '{"type":"message","content":{"type":"tool_use","name":"x"}}',
    ],
    ['with a text that is no block', 'messages, whole', '{"type":"message","content":["Hi"]}'],
    ['with an item that is a string', 'responses, whole', '{"object":"response","output":["Hi"]}'],
    [
      'with a list of answers',
      'responses, streamed',
      event('response.created', '"response":[{"output":[]}]'),
    ],
    [
      'with arguments that are an object, too',
      'responses, whole',
      '{"output":[{"type":"function_call","name":"x","arguments":{"a":1}}]}',
    ],
    [
      'with an event of an item by another name',
      'responses, streamed',
      event('response.x', item, 'response.output_item.done'),
    ],
    [
      'with a piece of no item',
      'responses, streamed',
      event('response.function_call_arguments.done', '"item_id":"f","arguments":"{}"'),
    ],
    [
      'with a piece behind the end of its item',
      'responses, streamed',
      event('response.output_item.added', item) +
        event('response.output_item.done', item) +
        event('response.function_call_arguments.delta', '"output_index":0,"delta":"{}"'),
    ],
    [
      'with an item that begins with a text',
      'responses, streamed',
      event(
        'response.output_item.added',
        '"output_index":0,"item":{"id":"m","type":"message","content":[{"text":"Hi"}]}',
      ),
    ],
    [
      'with an answer that begins with one',
      'responses, streamed',
      event('response.created', '"response":{"output":[{"id":"m","type":"message"}]}'),
    ],
    [
      'with a part that begins with a text',
      'responses, streamed',
      event('response.content_part.added', '"part":{"type":"output_text","text":"Hi"}'),
    ],
    ...[
      [
        'a name beside its function',
        `"tool_calls":[{"index":0,"name":"y","function":{"name":"x","arguments":"{}"}}]`,
      ],
      [
        'arguments beside its function',
        `"tool_calls":[{"index":0,"arguments":"{}","function":{"name":"x"}}]`,
      ],
      [
        'two things it is given',
        `"tool_calls":[{"index":0,"function":{"name":"x","arguments":"{}","input":"y"}}]`,
      ],
      ['another under a further name', `"tool_call":{"name":"x"}`],
      ['another in camel case', `"toolCalls":[{"name":"x"}]`],
      ['one among the parts of its content', `"content":[{"type":"tool_use","name":"x","input":{}}]`],
      ['a kind with a blank', `"tool_calls":[{"index":0,"type":"function ","function":{"name":"x"}}]`],
    ].flatMap(([what, member]): (readonly [string, string, string])[] => [
      [`with a call that has ${what}`, 'openai chat, streamed', inDelta(member ?? '')],
      [
        `with a call that has ${what}, whole`,
        'openai chat, whole',
        `{"choices":[{"index":0,"message":{${member}}}]}`,
      ],
    ]),
    [
      'with a call beside a message',
      'openai chat, whole',
      '{"choices":[{"index":0,"tool_calls":[{"function":{"name":"x"}}]}]}',
    ],
    [
      'with a call beside choices',
      'openai chat, whole',
      '{"choices":[],"tool_calls":[{"function":{"name":"x"}}]}',
    ],
    [
      'with an old call beside a message',
      'openai chat, whole',
      '{"choices":[{"function_call":{"name":"x"}}]}',
    ],
    [
      'with a name beside a function',
      'ollama chat, streamed',
      inMessage('"tool_calls":[{"name":"y","function":{"name":"x"}}]'),
    ],
    [
      'with parameters beside a function',
      'ollama chat, streamed',
      inMessage('"tool_calls":[{"parameters":{},"function":{"name":"x"}}]'),
    ],
    [
      'with two things that a function is given',
      'ollama chat, streamed',
      inMessage('"tool_calls":[{"function":{"name":"x","arguments":{},"parameters":{"a":1}}}]'),
    ],
    ['with an old call', 'ollama chat, streamed', inMessage('"function_call":{"name":"x"}')],
    [
      'with an old call beside a message',
      'ollama chat, streamed',
      '{"model":"m","function_call":{"name":"x"},"done":true}\n',
    ],
    [
      'with a block of a kind with a blank',
      'messages, whole',
      '{"type":"message","content":[{"type":"tool_use ","name":"x","input":{}}]}',
    ],
    [
      'with a block of a kind with a blank, streamed',
      'messages, streamed',
      event('content_block_start', block.replace('tool_use', 'tool_use ')),
    ],
    [
      'with a block that is given two things',
      'messages, whole',
      '{"type":"message","content":[{"type":"tool_use","name":"x","input":{},"arguments":"{}"}]}',
    ],
    [
      'with calls beside blocks',
      'messages, whole',
      '{"type":"message","content":[],"tool_calls":[{"name":"x"}]}',
    ],
    [
      'with a call in a delta',
      'messages, streamed',
      event(
        'content_block_delta',
        '"index":0,"delta":{"type":"text_delta","text":"Hi","tool_use":{"name":"x"}}',
      ),
    ],
    [
      'with an item of a kind with a blank',
      'responses, whole',
      '{"output":[{"type":"function_call ","call_id":"c","name":"x","arguments":"{}"}]}',
    ],
    [
      'with an item that is a function as well',
      'responses, whole',
      '{"output":[{"type":"message","function":{"name":"x"},"content":[]}]}',
    ],
    [
      'with a call among the parts of a message',
      'responses, whole',
      '{"output":[{"type":"message","content":[{"type":"function_call","name":"x","arguments":"{}"}]}]}',
    ],
    ['with calls beside its output', 'responses, whole', '{"output":[],"tool_calls":[{"name":"x"}]}'],
    ['of too many parts at once', 'openai chat, streamed', many(600, (index) => choice(index))],
    [
      'of too many calls',
      'openai chat, whole',
      `{"choices":[{"message":{"tool_calls":[${many(5000, () => '{},')}{}]}}]}`,
    ],
    ['of too many objects', 'ollama chat, streamed', inMessage(`"x":[${many(60_000, () => '{},')}{}]`)],
    [
      'of too many texts',
      'ollama chat, streamed',
      inMessage(`"x":[${many(30_000, (index) => `"a-${index}",`)}""]`),
    ],
    [
      'with calls that are too large',
      'messages, streamed',
      event('content_block_start', block) +
        many(9, () => event('content_block_delta', piece.replace('{}', 'x'.repeat(2_000_000)))),
    ],
  ])('%s is refused: %s', async (_what, speaker, sent) => {
    const error: unknown = await read(speaker, sent).catch((thrown: unknown) => thrown)
    expect(error instanceof JsonFault || (error instanceof Refusal && error.code === 'upstream_failed')).toBe(
      true,
    )
  })

  it.each([
    [
      'with null for what is not there',
      'ollama chat, streamed',
      inMessage('"tool_calls":null,"thinking":null'),
    ],
    ['with half a character at its end', 'ollama chat, streamed', inMessage('"x":"\\ud83d"')],
    ['with keys nobody knows', 'openai chat, streamed', `${inDelta('"x":{"Y":1,"y":2}')}data: [DONE]\n\n`],
  ])('%s is not: %s', async (_what, speaker, sent) => {
    await expect(read(speaker, sent)).resolves.toBeDefined()
  })

  it('has no names of events where its API has none', async () => {
    const { text } = await read(
      'openai chat, streamed',
      `event: x\n${inDelta('"content":"Hi"')}data: [DONE]\n\n`,
    )
    expect(text).toContain('Hi')
    expect(text).not.toContain('event')
  })
})
