/**
 * Bodies that two parsers read differently: what a Go server was seen to make of each stands in the comments. Each
 * is refused on every route before anything reaches the model server, and has a harmless twin that passes.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type RunningGate, startGate } from '../rig/gate.ts'
import { likeOllama, type ModelServer, startModelServer } from '../rig/model-server.ts'
import { rawRequest, sendRaw } from '../rig/raw.ts'

let model: ModelServer
let gate: RunningGate
beforeAll(async () => {
  model = await startModelServer(likeOllama)
  gate = await startGate({ upstream: model.url })
})
afterAll(async () => {
  await gate.close()
  await model.close()
})

const name = '"model":"smollm2:135m"'
const said = '"messages":[{"role":"user","content":"Name three colours."}]'
/** Members of a body that each route answers; `more` is put behind them. */
const routes: Readonly<Record<string, string>> = {
  '/api/chat': `${name},"stream":false,${said}`,
  '/api/generate': `${name},"stream":false,"prompt":"Name three colours."`,
  '/api/embed': `${name},"input":"Name three colours."`,
  '/v1/chat/completions': `${name},${said}`,
  '/v1/completions': `${name},"prompt":"Name three colours."`,
  '/v1/responses': `${name},"input":"Name three colours."`,
  '/v1/messages': `${name},"max_tokens":9,${said}`,
}

async function send(path: string, body: Buffer, headers = ['Content-Type: application/json']) {
  const head = [
    `POST ${path} HTTP/1.1`,
    'Host: gate',
    `Authorization: Bearer ${gate.key}`,
    ...headers,
    `Content-Length: ${body.length}`,
    'Connection: close',
  ]
  const before = model.posts.length
  const { status, text } = await sendRaw(
    gate.data,
    Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`), body]),
  )
  return { status, text, reached: model.posts.length - before, sent: model.posts.at(-1)?.text ?? '' }
}

interface Row {
  readonly what: string
  readonly hostile: (members: string) => string | Buffer
  readonly harmless?: (members: string) => string | Buffer
}
const body = (members: string) => `{${members}}`
const nested = (depth: number) => `"x":${'['.repeat(depth)}${']'.repeat(depth)}`
const utf8 = (before: string, bytes: number[], after: string) =>
  Buffer.concat([Buffer.from(before), Buffer.from(bytes), Buffer.from(after)])

const rows: readonly Row[] = [
  // Go matches keys exactly, else folded; a folded twin is what the model gets.
  { what: 'a key in capitals', hostile: (m) => body(m.replace('"model"', '"MODEL"')), harmless: body },
  { what: 'a second key in capitals', hostile: (m) => body(`${m},"MODEL":"evil"`) },
  { what: 'a second key with one capital', hostile: (m) => body(`${m},"Model":"evil"`) },
  {
    what: 'a key with a Kelvin sign',
    hostile: (m) => body(`${m},"to\u212aens":1,"thin\u212a":true,"\u017ftream":true,"mode\u006c":"x"`),
    harmless: (m) => body(`${m},"tok\u00e9ns":1,"\u043codel":"x"`),
  },
  { what: 'a key with a long s', hostile: (m) => body(`${m},"\u017ftream":true,"option\u017f":{}`) },
  {
    what: 'a key with an escaped long s',
    hostile: (m) => body(`${m},"\\u017ftream":true,"option\\u017f":{}`),
  },
  // Of two the last wins, maps merge, and a shorter list keeps what the first one held.
  { what: 'a key twice', hostile: (m) => body(`${m},"model":"evil"`) },
  { what: 'a key twice, once escaped', hostile: (m) => body(`${m},"mod\\u0065l":"evil"`) },
  { what: 'a key twice, the same both times', hostile: (m) => body(`${m},${name}`) },
  {
    what: 'an unknown key twice, deep inside',
    hostile: (m) => body(`${m},"x":[{"y":{"a":1,"a":2}}]`),
    harmless: (m) => body(`${m},"x":[{"a":1},{"a":2}]`),
  },
  // null after a value keeps the value.
  {
    what: 'null behind a value',
    hostile: (m) => body(`${m},"model":null`),
    harmless: (m) => body(`${m},"temperature":null`),
  },
  // What follows the document is ignored.
  { what: 'something behind it', hostile: (m) => `${body(m)} x`, harmless: (m) => ` \t\r\n${body(m)}\n ` },
  { what: 'a second document', hostile: (m) => `${body(m)}{"model":"evil"}` },
  { what: 'a NUL behind it', hostile: (m) => `${body(m)}\u0000` },
  { what: 'a byte order mark', hostile: (m) => `\ufeff${body(m)}` },
  // Becomes U+FFFD, a byte at a time.
  {
    what: 'a lone surrogate',
    hostile: (m) => body(`${m},"x":"\\ud800"`),
    harmless: (m) => body(`${m},"x":"\\ud83d\\ude00"`),
  },
  { what: 'a lone surrogate in a key', hostile: (m) => body(`${m},"\\udc00":1`) },
  {
    what: 'bytes that are no UTF-8',
    hostile: (m) => utf8(`{${m},"x":"`, [0xff], '"}'),
    harmless: (m) => utf8(`{${m},"x":"`, [0xc3, 0xa9], '"}'),
  },
  { what: 'an overlong slash', hostile: (m) => utf8(`{${m},"x":"`, [0xc0, 0xaf], '"}') },
  { what: 'a surrogate in UTF-8', hostile: (m) => utf8(`{${m},"x":"`, [0xed, 0xa0, 0x80], '"}') },
  { what: 'an unfinished character', hostile: (m) => utf8(`{${m},"x":"`, [0xe2, 0x82], '"}') },
  // Numbers.
  ...['NaN', 'Infinity', '-Infinity', '1e400', '01', '+1', '.5', '1.', '0x10', '1_000'].map((number) => ({
    what: `the number ${number}`,
    hostile: (m: string) => body(`${m},"x":${number}`),
  })),
  { what: 'no number at all', hostile: (m) => body(`${m},"x":-`), harmless: (m) => body(`${m},"x":-0.5e-3`) },
  // Go goes 10,000 deep.
  {
    what: 'nesting of 65',
    hostile: (m) => body(`${m},${nested(64)}`),
    harmless: (m) => body(`${m},${nested(63)}`),
  },
  { what: 'nesting without end', hostile: (m) => body(`${m},${nested(100_000)}`) },
  {
    what: 'a control character',
    hostile: (m) => body(`${m},"x":"\u0001"`),
    harmless: (m) => body(`${m},"x":"\\u0001"`),
  },
  { what: 'a comment', hostile: (m) => body(`${m}/* x */`) },
  { what: 'a comma too many', hostile: (m) => body(`${m},`) },
  { what: 'quotes of another kind', hostile: (m) => body(m.replaceAll('"', "'")) },
  ...['', ' ', 'null', '[]', '""', '0', '{}', '[{}]'].map((text) => ({
    what: `the document ${JSON.stringify(text)}`,
    hostile: () => text,
  })),
]

describe.each(Object.entries(routes))('%s', (path, members) => {
  it.each(rows)('refuses $what', async ({ hostile, harmless }) => {
    const { status, text, reached } = await send(path, Buffer.from(hostile(members)))
    expect([status, reached], text).toEqual([400, 0])
    if (!harmless) return
    const twin = await send(path, Buffer.from(harmless(members)))
    expect([twin.status, twin.reached], twin.text).toEqual([200, 1])
    expect(twin.sent).toContain('Name three colours.')
    expect(twin.sent).not.toMatch(/"x"|odel":"x/)
  })

  it('takes a body for JSON by its type alone, or by having none', async () => {
    const plain = Buffer.from(body(members))
    for (const type of [
      'text/plain',
      'application/xml',
      'application/json; charset=utf-7',
      'multipart/form-data',
    ])
      expect((await send(path, plain, [`Content-Type: ${type}`])).status).toBe(415)
    expect((await send(path, plain, [])).status).toBe(200)
  })

  it('reads no query, whatever it says', async () => {
    const { status, sent } = await send(
      `${path}?model=evil&prompt=evil&beta=true`,
      Buffer.from(body(members)),
    )
    expect(status).toBe(200)
    expect(model.posts.at(-1)?.url).toBe(path)
    expect(sent).not.toContain('evil')
  })
})

describe('integers', () => {
  const chat = routes['/v1/chat/completions'] ?? ''
  it.each(['1.5', '"5"', 'true', '[5]', '{}', '1e20', '-1e20'])('are not %s', async (value) => {
    const { status, reached } = await send(
      '/v1/chat/completions',
      Buffer.from(body(`${chat},"seed":${value}`)),
    )
    expect([status, reached]).toEqual([400, 0])
  })
  it.each(['5', '5.0', '50e-1', '0.5e1'])(
    'written as %s reach a Go server as it wants them',
    async (value) => {
      const { sent } = await send('/v1/chat/completions', Buffer.from(body(`${chat},"seed":${value}`)))
      expect(sent).toContain('"seed":5,')
    },
  )
})

describe('a second list of messages', () => {
  it.each([
    // LocalAI was seen to give the model EVIL: the second, shorter list is decoded into the first.
    '"messages":[{"role":"user","content":"EVIL"},{"role":"user","content":"x"}],"messages":[{"role":"user"}]',
    '"messages":[{"role":"user","content":"EVIL"}],"Messages":[{"role":"user","content":"fine"}]',
    '"messages":[{"role":"user","content":"fine"}],"me\u017f\u017fages":[{"role":"user","content":"EVIL"}]',
    '"messages":[{"role":"user","content":"fine","CONTENT":"EVIL"}]',
    '"messages":[{"role":"user","content":"fine","Role":"system"}]',
    '"messages":[{"role":"user","content":[{"type":"text","text":"fine","Text":"EVIL"}]}]',
    '"messages":[{"role":"user","content":[{"TYPE":"text","Text":"EVIL"}]}]',
  ])('is refused: %s', async (messages) => {
    for (const path of ['/v1/chat/completions', '/v1/messages']) {
      const { status, reached } = await send(path, Buffer.from(body(`${name},"max_tokens":9,${messages}`)))
      expect([status, reached]).toEqual([400, 0])
    }
  })
})

describe('framing of the request', () => {
  const text = body(routes['/api/chat'] ?? '')
  it.each([
    ['two lengths', ['Content-Length: 3']],
    ['a length and chunks', ['Transfer-Encoding: chunked']],
    ['an expectation nobody has', ['Expect: x']],
    ['a list of encodings', ['Content-Encoding: gzip, identity']],
  ])('with %s is refused', async (_what, more) => {
    const before = model.posts.length
    const lines = [
      `Authorization: Bearer ${gate.key}`,
      'Content-Type: application/json',
      'Connection: close',
      ...more,
    ]
    const { status } = await sendRaw(gate.data, rawRequest('POST /api/chat HTTP/1.1', lines, text))
    expect(status).toBeGreaterThanOrEqual(400)
    expect(status).toBeLessThan(500)
    expect(model.posts.length).toBe(before)
  })
})
