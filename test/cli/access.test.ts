/** Who may do what, and why: `access`, `explain`, tokens and keys on the command line. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { csv } from '../../src/core/csv.ts'
import { table } from '../../src/core/table.ts'
import { cli } from '../rig/cli.ts'

let folder: string
let config: string[]
const ids: Record<string, string> = {}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'torwart-access-'))
  const policy = join(folder, 'torwart.yaml')
  config = ['-c', policy]
  writeFileSync(
    policy,
    `version: 1
upstreams: [{ name: local, url: "http://127.0.0.1:11434", kind: ollama }]
aliases: { gpt-4o: qwen3:8b }
roles:
  narrow: { routes: [chat], models: [qwen3:8b], limits: { tokensPerDay: 1000, actionsPerMinute: 10 }, caps: { outputTokens: 500 } }
  wide: { routes: [chat, models, admin], models: ["*", "*:*"] }
`,
  )
  for (const [name, role] of [
    ['small', 'narrow'],
    ['=HYPERLINK("http://x")', 'wide'],
    ['gone', 'wide'],
  ] as const) {
    const words = [
      'key',
      'create',
      '--name',
      name,
      '--role',
      role,
      '--from',
      '10.0.0.0/8',
      '--json',
      ...config,
    ]
    ids[name] = (JSON.parse((await cli(words)).out) as { id: string }).id
  }
  await cli(['key', 'revoke', ids.gone ?? '', ...config])
})
afterAll(() => rmSync(folder, { recursive: true }))

const explain = (...words: string[]) => cli(['explain', '--key', ids.small ?? '', ...words, ...config])

describe('torwart access', () => {
  it('lists every key with its rights, the widest first', async () => {
    const rows = JSON.parse((await cli(['access', '--json', ...config])).out) as {
      name: string
      routes: string[]
      limits: string[]
      status: string
    }[]
    expect(rows.map(({ name }) => name)).toEqual(['=HYPERLINK("http://x")', 'small', 'gone'])
    expect(rows[0]).toMatchObject({ routes: ['chat', 'models', 'admin'], models: ['*', '*:*'] })
    expect(rows[1]).toMatchObject({
      kind: 'key',
      limits: expect.arrayContaining(['requestsPerMinute 10', 'tokensPerDay 1000', 'actionsPerMinute 10']),
      from: ['10.0.0.0/8'],
      lastUsed: null,
    })
    expect(rows[2]).toMatchObject({ status: 'revoked' })
  })

  it('prints a table, and values that no spreadsheet takes for a formula', async () => {
    const words = (await cli(['access', ...config])).out
    expect(words).toMatch(/^kind +id +name +role +status +from +expires +used\n/)
    expect(words).toContain(
      'role narrow\n  routes  chat\n  models  qwen3:8b\n  tools   any\n  limits  requestsPerMinute 10, ',
    )
    for (const line of words.split('\n')) expect(line.length).toBeLessThanOrEqual(100)
    const { out } = await cli(['access', '--csv', ...config])
    expect(out.split('\r\n')[0]).toBe(
      'kind,id,name,role,status,routes,models,tools,limits,from,expires,lastUsed,guards,purpose',
    )
    expect(out).toContain('prompt enforce (block high, flag medium)')
    expect(out).toContain('"\'=HYPERLINK(""http://x"")"')
  })
})

describe('a purpose', () => {
  it('is listed and explained, that of a key before that of its role, and is one line', async () => {
    const policy = join(folder, 'purpose.yaml')
    const roles = 'roles: { a: { routes: [chat], models: [x], purpose: answering customers } }'
    const upstream = 'upstreams: [{ name: local, url: "http://127.0.0.1:11434", kind: ollama }]'
    writeFileSync(policy, `version: 1\n${upstream}\n${roles}\nkeys: { file: purpose-keys.yaml }\n`)
    const create = (...more: string[]) =>
      cli(['key', 'create', '--name', 'one', '--role', 'a', '--json', ...more, '-c', policy])
    expect((await create()).code).toBe(0)
    const { out } = await create('--purpose', 'translating letters')
    const { id } = JSON.parse(out) as { id: string }
    const rows = JSON.parse((await cli(['access', '--json', '-c', policy])).out) as { purpose: string }[]
    expect(rows.map(({ purpose }) => purpose).sort()).toEqual(['answering customers', 'translating letters'])
    expect((await cli(['access', '-c', policy])).out).toMatch(/^kind +id +name +role +purpose +status/)
    expect((await cli(['explain', '--key', id, '-c', policy])).out).toContain(
      '(one), for translating letters,',
    )
    for (const bad of ['', ' ', 'two\nlines', 'x'.repeat(201)])
      expect(await create('--purpose', bad)).toMatchObject({
        code: 2,
        err: expect.stringContaining('purpose'),
      })
  })
})

describe('a table', () => {
  it('keeps within its width by cutting the widest, and says what it cut', () => {
    const text = table(
      ['id', 'name'],
      [
        { id: 'abcd', name: 'x'.repeat(50) },
        { id: 'efgh', name: 'a\u001bb' },
      ],
      20,
    )
    expect(text).toBe(`id    name\nabcd  ${'x'.repeat(13)}…\nefgh  a·b\n`)
  })

  it.each(['=1', '+1', '-1', '@x', '|x', ' =1', '\t=1', '\r=1'])(
    'has no formula for a spreadsheet: %j',
    (evil) => {
      expect(csv(['name'], [{ name: evil }])).toMatch(/^name\r\n("'|·)[^\r\n]*\r\n$/)
    },
  )
})

describe('what rules of the policy let in', () => {
  it('is listed beside the keys: certificates, and every role an issuer may give', async () => {
    const policy = join(folder, 'rules.yaml')
    writeFileSync(
      policy,
      `version: 1
upstreams: [{ name: local, url: "http://127.0.0.1:11434", kind: ollama }]
roles: { a: { routes: [chat], models: [x] }, b: { routes: [chat, admin], models: [x] } }
keys: { file: none.yaml }
certificates: [{ match: { dns: "*.agents.test" }, name: agents, role: a }]
jwt:
  - { issuer: "https://one.test", audience: gate, jwksUrl: "https://one.test/jwks", role: a }
  - { issuer: "https://two.test", audience: gate, jwksUrl: "https://two.test/jwks", roleClaim: group }
`,
    )
    const rows = JSON.parse((await cli(['access', '--json', '-c', policy])).out) as Record<string, unknown>[]
    const asked = (id: string) => cli(['explain', '--key', id, '--route', 'chat', '-c', policy])
    expect(await asked('dns:BUILD.agents.test')).toMatchObject({
      code: 0,
      out: expect.stringContaining('is known as agents; its role `a` is in the policy'),
    })
    expect(await asked('dns:elsewhere.test')).toMatchObject({
      code: 1,
      out: expect.stringContaining('matched by no rule of the policy: refused with 401'),
    })
    expect(await asked('jwt:one.test:x')).toMatchObject({ code: 2, err: expect.stringContaining('claims') })
    expect(rows.map(({ kind, id, role }) => `${kind} ${id} ${role}`)).toEqual([
      'jwt https://two.test b',
      'certificate dns:*.agents.test a',
      'jwt https://one.test a',
      'jwt https://two.test a',
    ])
  })
})

describe('torwart explain', () => {
  it.each([
    [['--route', 'chat'], 0, 'allowed: route group chat: role `narrow` has chat'],
    [['--route', '/v1/messages'], 0, 'allowed: route /v1/messages, in the group `chat`'],
    [['--route', '/api/tags'], 1, 'refused with 403 route_not_allowed: route /api/tags'],
    [
      ['--route', '/api/nothing'],
      1,
      'refused with 404 not_found: route /api/nothing: no dialect declares it',
    ],
    [['--model', 'QWEN3:8B'], 0, 'allowed: model QWEN3:8B: `qwen3:8b` in `models` of role `narrow`'],
    [['--model', 'gpt-4o'], 0, 'model gpt-4o, an alias of qwen3:8b'],
    [['--model', 'qwen3:32b'], 1, 'refused with 404 model_not_allowed: model qwen3:32b: not in `models`'],
    [['--model', 'x:cloud'], 1, 'refused with 404 model_not_allowed'],
    [['--tool', 'send'], 0, 'allowed: tool send: calls of role `narrow` are recorded and not restricted'],
  ])('%j says why', async (words, code, said) => {
    const ran = await explain(...words)
    expect(ran.out).toContain(said)
    expect(ran.out).toContain('Only from 10.0.0.0/8.')
    expect(ran.code).toBe(code)
  })

  it('says that a name without a tag means one tag alone, where every tag was meant', async () => {
    const stripInvisible = join(folder, 'bare.yaml')
    const policy = (kind: string) =>
      `version: 1\nupstreams: [{ name: local, url: "http://127.0.0.1:11434", kind: ${kind} }]\nroles: { narrow: { routes: [chat], models: [llama3.2, qwen3] } }\n`
    const ask = (model: string) =>
      cli(['explain', '--key', ids.small ?? '', '--model', model, '-c', stripInvisible])
    const hint = '`qwen3` covers qwen3:latest only, and `qwen3:*` every tag'
    writeFileSync(stripInvisible, policy('ollama'))
    expect((await ask('qwen3:8b')).out).toContain(hint)
    expect((await ask('gemma3:1b')).out).not.toContain('latest')
    writeFileSync(stripInvisible, policy('localai'))
    expect((await ask('qwen3:8b')).out).not.toContain('latest')
  })

  it('says that no server of the policy has a route', async () => {
    const other = join(folder, 'other.yaml')
    writeFileSync(
      other,
      'version: 1\nupstreams: [{ name: local, url: "http://127.0.0.1:11434", kind: ollama }]\nroles: { narrow: { routes: [rerank], models: [x] } }\n',
    )
    const ran = await cli(['explain', '--key', ids.small ?? '', '--route', '/v1/rerank', '-c', other])
    expect([ran.code, ran.out]).toEqual([1, expect.stringContaining('refused with 404 not_found')])
  })

  it('reads a token, which may do less than its key, and asks for it where only its id is given', async () => {
    const minted = await cli([
      'token',
      'mint',
      '--key',
      ids.small ?? '',
      '--models',
      'qwen3:8b',
      '--ttl',
      '5m',
      '--json',
      ...config,
    ])
    const { id, token } = JSON.parse(minted.out) as { id: string; token: string }
    const ask = (given: string, input = '') =>
      cli(['explain', '--key', given, '--model', 'qwen3:8b', ...config], input)
    expect(await ask('-', `${token}\n`)).toMatchObject({
      code: 0,
      out: expect.stringMatching(
        new RegExp(`^Token ${id} of key ${ids.small} .*is active, until .*Only from`, 's'),
      ),
    })
    expect(await ask(id)).toMatchObject({
      code: 2,
      err: expect.stringContaining('pass the token itself on stdin'),
    })
    expect(await ask('-', ids.small)).toMatchObject({ code: 0 })
    await cli(['token', 'revoke', id, ...config])
    expect(await ask('-', token)).toMatchObject({ code: 1, out: expect.stringContaining('refused with 401') })
  })

  it('says that a key is revoked, or frozen, before anything else', async () => {
    const gone = await cli(['explain', '--key', ids.gone ?? '', '--route', 'chat', ...config])
    expect(gone.out).toMatch(/is revoked; .* refused with 401 invalid_credentials/)
    expect(gone.code).toBe(1)
    await cli(['freeze', 'model', 'qwen3:*', '--why', 'test', ...config])
    expect((await explain('--model', 'qwen3:8b')).out).toContain('refused with 403 frozen')
    await cli(['unfreeze', 'model', 'qwen3:*', ...config])
    await cli(['freeze', 'role', 'narrow', '--why', 'test', ...config])
    expect((await explain()).out).toContain('refused with 403 frozen')
    await cli(['unfreeze', 'role', 'narrow', ...config])
    expect((await explain('--model', 'qwen3:8b')).code).toBe(0)
  })
})

describe('token limits without room for an answer', () => {
  it.each([
    ['roles.r.limits.tokensPerMinute', 'roles: { r: { ROLE, limits: { tokensPerMinute: 100 } } }'],
    ['roles.r.shared.tokensPerDay', 'roles: { r: { ROLE, shared: { tokensPerDay: 4096 } } }'],
    ['limits.tokensPerMinute', 'roles: { r: { ROLE } }\nlimits: { tokensPerMinute: 100 }'],
    [
      'models.qwen3:8b.limits.tokensPerMinute',
      'roles: { r: { ROLE } }\nmodels: { "qwen3:8b": { weight: 2, limits: { tokensPerMinute: 8000 } } }',
    ],
  ])('are told by explain, which says that it is refused: %s', async (key, lines) => {
    const policy = join(folder, 'tight.yaml')
    const upstreams = 'upstreams: [{ name: local, url: "http://127.0.0.1:11434", kind: ollama }]'
    const text = lines.replace('ROLE', 'routes: [chat, embeddings], models: ["qwen3:8b"]')
    writeFileSync(policy, `version: 1\n${upstreams}\nkeys: { file: tight-keys.yaml }\n${text}\n`)
    const made = await cli(['key', 'create', '--name', 'x', '--role', 'r', '--json', '-c', policy])
    const { id } = JSON.parse(made.out) as { id: string }
    const asked = (route: string) =>
      cli(['explain', '--key', id, '--route', route, '--model', 'qwen3:8b', '-c', policy])
    const { code, out } = await asked('chat')
    expect(code).toBe(1)
    expect(out).toContain('refused with 400 invalid_request')
    expect(out).toContain(`never fits \`${key}\``)
    // These have no answer whose length is reserved.
    expect((await asked('embeddings')).code).toBe(0)
    expect((await cli(['check', '-c', policy])).out).toMatch(/warning: .*never fits/)
  })
})

describe('torwart key', () => {
  it('disables and enables, and never enables what was revoked', async () => {
    const id = ids.small ?? ''
    expect((await cli(['key', 'disable', id, ...config])).code).toBe(0)
    expect((await explain()).out).toContain('is disabled')
    expect((await cli(['key', 'rotate', id, ...config])).code).toBe(2)
    expect((await cli(['key', 'enable', id, ...config])).code).toBe(0)
    expect((await explain()).code).toBe(0)
    expect((await cli(['key', 'enable', ids.gone ?? '', ...config])).code).toBe(2)
  })

  it.each(['10.0.0.0/33', 'here', '10.0.0.1,'.repeat(70)])('is not bound to %j', async (from) => {
    const words = ['key', 'create', '--name', 'x', '--role', 'narrow', '--from', from, ...config]
    expect((await cli(words)).code).toBe(2)
  })
})

describe('torwart token', () => {
  it.each([
    ['a key that is not there', ['--key', 'nobody12']],
    ['no count', ['--requests', 'many']],
    ['no group of routes', ['--routes', 'everything']],
    ['what is not the key’s to give', ['--routes', 'admin']],
    ['a life that is too long', ['--ttl', '30d']],
  ])('is not minted with %s', async (_what, more) => {
    const key = more.includes('--key') ? [] : ['--key', ids.small ?? '']
    const ran = await cli(['token', 'mint', ...key, ...more, ...config])
    expect([ran.code, ran.out]).toEqual([2, ''])
    expect(ran.err).not.toBe('')
  })

  it('is not minted from a revoked key, and not revoked by what is no id', async () => {
    expect((await cli(['token', 'mint', '--key', ids.gone ?? '', ...config])).code).toBe(2)
    expect((await cli(['token', 'revoke', 'x', ...config])).code).toBe(2)
    expect((await cli(['token', 'rotate', ...config])).code).toBe(0)
  })
})
