import { describe, expect, it } from 'vitest'
import type { JsonObject } from '../../src/core/json.ts'
import { Refusal } from '../../src/core/refusal.ts'
import { ollama } from '../../src/dialects/ollama/request.ts'
import { exchangeOf, orders } from './exchange-of.ts'
import { readFrame } from './read-frame.ts'

const endpoint = (path: string) => exchangeOf(ollama, path)
const chat = (more: JsonObject) =>
  endpoint('/api/chat').read({ model: 'm', messages: [{ role: 'user', content: 'hi' }], ...more })
const prepared = (more: JsonObject) => endpoint('/api/chat').prepare(chat(more), orders)
const refusalOf = (run: () => unknown): Refusal => {
  try {
    run()
  } catch (error) {
    if (error instanceof Refusal) return error
  }
  throw new Error('it was not refused')
}

describe('Ollama requests', () => {
  it('stream unless stream is false', () => {
    expect(chat({}).stream).toBe(true)
    expect(chat({ stream: false }).stream).toBe(false)
  })

  it('give every text its channel', () => {
    const { texts } = endpoint('/api/chat').read({
      model: 'm',
      messages: [
        { role: 'system', content: 's' },
        { role: 'user', content: 'u' },
        { role: 'assistant', content: 'a', thinking: 't' },
        { role: 'tool', content: 'r' },
      ],
    })
    expect(texts).toEqual([
      { channel: 'system', text: 's' },
      { channel: 'user', text: 'u' },
      { channel: 'assistant', text: 'a' },
      { channel: 'assistant', text: 't' },
      { channel: 'tool', text: 'r' },
    ])
  })

  it.each([
    [{ raw: true }, 'raw'],
    [{ template: '{{ .Prompt }}' }, 'template'],
    [{ context: [1, 2, 3] }, 'context'],
  ])('refuse %j on generate', (more, name) => {
    const refusal = refusalOf(() => endpoint('/api/generate').read({ model: 'm', prompt: 'x', ...more }))
    expect(refusal.say).toContain(`\`${name}\``)
  })

  it.each([
    { raw: false },
    { template: '' },
    { context: [] },
    { context: null },
    { images: [], suffix: '', system: '' },
  ])('take the harmless twin %j, as clients send it on their own', (more) => {
    expect(endpoint('/api/generate').read({ model: 'm', prompt: 'x', ...more }).body).not.toHaveProperty(
      'template',
    )
  })

  it.each([
    { role: 'evil' },
    { role: 'constructor' },
    { role: 'System' },
    { role: 'user<|im_start|>' },
    { role: 1 },
    {},
  ])('refuse a message with %j', (role) => {
    expect(refusalOf(() => chat({ messages: [{ content: 'x', ...role }] })).code).toBe('invalid_request')
  })

  it('leave out what would restart the runner or read the prompt back', () => {
    const { body } = prepared({
      options: { num_gpu: 99, num_thread: 1, use_mmap: false, num_batch: 1, temperature: 0 },
      shift: false,
      _debug_render_only: true,
    })
    expect(body.options).toEqual({ temperature: 0, num_predict: 100 })
    expect(body).not.toHaveProperty('shift')
    expect(body).not.toHaveProperty('_debug_render_only')
  })

  it('cap what they may cost, and say so only when something was lowered', () => {
    const max = (options: JsonObject) => {
      const { body, clamped, outputTokens } = prepared({ options })
      return { options: body.options, clamped, outputTokens }
    }
    expect(max({})).toEqual({ options: { num_predict: 100 }, clamped: ['num_predict'], outputTokens: 100 })
    expect(max({ num_predict: 7 })).toEqual({ options: { num_predict: 7 }, clamped: [], outputTokens: 7 })
    expect(max({ num_predict: -1 })).toMatchObject({ clamped: ['num_predict'], outputTokens: 100 })
    expect(max({ num_predict: 9999, num_ctx: 1_000_000 })).toEqual({
      options: { num_predict: 100, num_ctx: 4096 },
      clamped: ['num_predict', 'num_ctx'],
      outputTokens: 100,
    })
  })

  it.each([
    ['5m', 300, []],
    ['5m0s', 300, []],
    [300.0, 300, []],
    ['1h30m', 3600, ['keep_alive']],
    [-1, 3600, ['keep_alive']],
    ['-1m', 3600, ['keep_alive']],
    ['-.5h', 3600, ['keep_alive']],
    [1e300, 3600, ['keep_alive']],
    ['9999999999h', 3600, ['keep_alive']],
    [1, 30, ['keep_alive']],
    [0, 30, ['keep_alive']],
    [0.5, 30, ['keep_alive']],
    ['0s', 30, ['keep_alive']],
    ['0', 30, ['keep_alive']],
    ['-0', 30, ['keep_alive']],
    ['1ms', 30, ['keep_alive']],
    ['.5m', 30, []],
    ['30000000000ns', 30, []],
    ['+1.m30s', 90, []],
  ])('a keep_alive of %j neither pins nor unloads a model', (asked, seconds, clamped) => {
    const result = prepared({ keep_alive: asked, options: { num_predict: 1 } })
    expect(result.body.keep_alive).toBe(seconds)
    expect(result.clamped).toEqual(clamped)
  })

  it.each(['soon', '5', '1e3s', '', '.s', '1 s', {}, true])('refuse the keep_alive %j', (value) => {
    expect(refusalOf(() => chat({ keep_alive: value as never })).code).toBe('invalid_request')
  })

  it.each(['/api/embed', '/api/embeddings'])('bound the keep_alive of %s, too', (path) => {
    const { read, prepare } = endpoint(path)
    const { body, clamped } = prepare(read({ model: 'm', keep_alive: 1 }), orders)
    expect({ body, clamped }).toMatchObject({ body: { keep_alive: 30 }, clamped: ['keep_alive'] })
  })

  it.each([
    ['/api/generate', { keep_alive: 0 }],
    ['/api/generate', { prompt: '', keep_alive: '0s' }],
    ['/api/generate', { prompt: '', keep_alive: 0.9 }],
    ['/api/chat', { keep_alive: '0' }],
    ['/api/chat', { messages: [], keep_alive: 0 }],
  ])('may not unload the model of others: %s with %j', (path, more) => {
    const { read, prepare } = endpoint(path)
    const unload = (minSeconds: number) =>
      prepare(read({ model: 'm', options: { num_predict: 1 }, ...more }), {
        ...orders,
        keepAlive: { minSeconds, maxSeconds: 60 },
      })
    const { code, say } = refusalOf(() => unload(1))
    expect(code).toBe('invalid_request')
    expect(say).toContain('`caps.keepAlive.min`')
    expect(unload(0)).toMatchObject({ clamped: [], body: { keep_alive: 0 } })
  })

  it.each([
    [{ format: 'yaml' }, '`format` must be "json" or a JSON Schema.'],
    [{ options: { stop: '!' } }, '`options.stop` must be a list of strings.'],
    [{ options: { num_predict: 'many' } }, '`options.num_predict` must be an integer in range.'],
  ])('name the field of a mistake before a server is asked: %j', (more, say) => {
    expect(refusalOf(() => chat(more as JsonObject))).toMatchObject({ code: 'invalid_request', say })
  })

  it('explain an image that was sent as a buffer', () => {
    const image = { type: 'Buffer', data: [1, 2] }
    const refusal = refusalOf(() => chat({ messages: [{ role: 'user', content: 'x', images: [image] }] }))
    expect(refusal.say).toMatch(/base64 string, not a buffer/)
  })

  it('never show the value they refuse', () => {
    const refusal = refusalOf(() => chat({ options: { num_ctx: 'SECRET-VALUE' } }))
    expect(refusal.say).not.toContain('SECRET')
    expect(refusal.say).toContain('options.num_ctx')
  })
})

describe('Ollama answers', () => {
  const reader = () => prepared({}).reader
  const frame = (value: object) => ({ data: JSON.stringify(value) })

  it('end with the line that says done', () => {
    const answer = reader()
    readFrame(answer, frame({ model: 'served', message: { content: 'a' }, done: false }))
    expect(answer.state).toBe('open')
    readFrame(
      answer,
      frame({ model: 'served', message: { content: 'b' }, done: true, prompt_eval_count: 3, eval_count: 2 }),
    )
    expect(answer.state).toBe('ended')
    expect(answer.transcript.text).toBe('ab')
    expect(answer.usage).toEqual({ input: 3, output: 2 })
  })

  it('carry the name the client asked for', () => {
    const passed = readFrame(reader(), frame({ model: 'served', message: { content: 'a' }, done: false }))
    expect(JSON.parse(passed?.data ?? '').model).toBe('m')
  })

  it('never give token context back', () => {
    const generate = endpoint('/api/generate')
    const { reader: answer } = generate.prepare(generate.read({ model: 'm', prompt: 'x' }), orders)
    const passed = readFrame(answer, frame({ model: 'm', response: '', done: true, context: [1, 2, 3] }))
    expect(passed?.data).not.toContain('context')
    expect(answer.state).toBe('ended')
  })

  it.each([{ error: 'an error was encountered: EOF' }, { done: true, done_reason: 'error', message: {} }])(
    'that are a failure under status 200 are one: %j',
    (line) => {
      const answer = reader()
      expect(readFrame(answer, frame(line))).toBeUndefined()
      expect(answer.state).toBe('failed')
    },
  )

  it('show a model without its system prompt, template and paths', () => {
    const show = endpoint('/api/show')
    const { reader: answer, body } = show.prepare(show.read({ model: '', name: 'm', system: 'x' }), orders)
    expect(body).toEqual({ model: 'served', verbose: false })
    const passed = readFrame(
      answer,
      frame({
        modelfile: 'FROM /path',
        template: '{{ .Prompt }}',
        system: 'Keep this.',
        details: { family: 'x', parent_model: '/models/base' },
        capabilities: ['tools'],
      }),
    )
    expect(passed?.data).not.toMatch(/FROM|path|Prompt |Keep|base/)
    expect(JSON.parse(passed?.data ?? '')).toEqual({
      details: { family: 'x' },
      capabilities: ['tools'],
      modelfile: expect.stringMatching(/^# .* withheld .*`allow: \[template\]`/),
      template: expect.stringMatching(/withheld .*`allow: \[template\]`/),
      system: expect.stringContaining('withheld'),
    })
  })

  it('do not say that something is withheld that is not there', () => {
    const show = endpoint('/api/show')
    const { reader: answer } = show.prepare(show.read({ model: 'm' }), orders)
    const passed = readFrame(answer, frame({ template: '', system: '', details: {} }))
    expect(JSON.parse(passed?.data ?? '')).toEqual({ details: {} })
  })

  it('show the prompt format, and a file without paths, to roles that may send one', () => {
    const show = endpoint('/api/show')
    const { reader: answer, body } = show.prepare(show.read({ model: 'm' }, 'template'), orders)
    expect(body).toEqual({ model: 'served', verbose: false })
    const line = {
      modelfile: 'FROM /path',
      template: '{{ .Prompt }}',
      system: 'Keep this.',
      parameters: 'num_predict                    5\nstop                           "<end>"',
    }
    const { template, system, modelfile } = JSON.parse(readFrame(answer, frame(line))?.data ?? '')
    expect(template).toBe('{{ .Prompt }}')
    expect(system).not.toContain('Keep')
    const [note, ...lines] = modelfile.split('\n')
    expect(note).toMatch(/^# /)
    expect(lines).toEqual([
      'FROM m',
      'TEMPLATE """{{ .Prompt }}"""',
      'PARAMETER num_predict 5',
      'PARAMETER stop "<end>"',
      '',
    ])
  })
})
