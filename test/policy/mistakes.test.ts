/** What `check` says of a policy: all mistakes of all kinds at once, each with its place, its true cause and its cure. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { loadPolicy } from '../../src/policy/load.ts'
import { formatProblem, PolicyError, type Problem } from '../../src/policy/problem.ts'
import { cli } from '../rig/cli.ts'

const folder = mkdtempSync(join(tmpdir(), 'torwart-mistakes-'))
afterAll(() => rmSync(folder, { recursive: true }))
const file = join(folder, 'torwart.yaml')

const minimal = `version: 1
upstreams: [{ name: local, url: http://127.0.0.1:11434, kind: ollama }]
`

/** `line:column message` of everything that is told. */
function told(text: string, variables: Record<string, string> = {}): string[] {
  writeFileSync(file, text)
  const all = problemsOf(() => loadPolicy(file, variables).warnings)
  return all.map((problem) =>
    formatProblem(problem)
      .slice(file.length + 1)
      .replace(': ', ' '),
  )
}

function problemsOf(load: () => readonly Problem[]): readonly Problem[] {
  try {
    return load()
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error
    return [...error.problems, ...error.warnings]
  }
}

describe('YAML that is none, or not what was meant', () => {
  it.each([
    ['a bare star', 'models: [*]', /^1:10 a leading `\*` .*quote the value, as in "\*"$/],
    ['an alias without an anchor', 'models: [*:*]', /^1:10 a leading `\*` .*quote the value, as in "\*:\*"$/],
    [
      'an anchor that holds itself',
      'aliases: &a { b: *a }',
      /^1:18 the alias `\*a` is inside its own anchor$/,
    ],
    [
      'a key twice',
      'version: 1\nlog: {}\nversion: 1',
      /^3:1 duplicate key `version`, first defined in line 1/,
    ],
    [
      'a key twice below',
      'log:\n  level: info\n  level: warn',
      /^3:3 duplicate key `level`, first defined in line 2/,
    ],
    ['several documents', 'version: 1\n---\nlog: {}', /^2:1 a second YAML document starts here/],
    ['a tab', 'log:\n\tlevel: info', /^2:1 a tab is used for indentation/],
    ['a quote that is open', 'log: { level: "info }', /^1:15 a quoted string is not closed$/],
    [
      'a bracket that is open',
      'version: 1\njwt: [\nlog: {}',
      /^2:6 a list that starts with `\[` is not closed/,
    ],
    [
      'a brace that is open',
      'version: 1\nlog: { level: info\nstore: {}',
      /^2:6 a mapping that starts with `\{` is not closed/,
    ],
    ['two keys on a line', 'log: level: info', /^1:6 this line has a second key in its value/],
    [
      'lines that do not stand below each other',
      'log:\n   level: info\n  more: 1',
      /^3:\d+ the indentation of this line differs/,
    ],
    ['an @ at the beginning', 'aliases: { a: @b }', /a value cannot start with `@`: quote the whole value/],
    ['an item on the line of its key', 'jwt: - a', /a list item \(`- `\) cannot be on the line of its key/],
    ['text behind quotes', "keys: { file: 'a'b }", /quote the whole value/],
    [
      'a variable without quotes',
      `admin: { token: \${X} }`,
      /within \{ \} a value with a variable must be quoted/,
    ],
    ['a tag', 'log: { level: !info x }', /a leading `!` is a YAML tag/],
    ['a backslash', 'keys: { file: "C:\\q" }', /a backslash in double quotes must be doubled/],
    ['no blank behind a colon', 'version:1', /add a space after the colon/],
    ['a list as a key', '? [a]\n: 1', /a key must be a string/],
    ['nothing', '', /`upstreams` is missing/],
  ])('%s', async (_name, text, message) => {
    expect(told(text).join('\n')).toMatch(new RegExp(message.source, 'm'))
  })

  it('does not hide what stands before it', async () => {
    const lines = told(`${minimal}timeouts: { idle: 1y }\ngards: {}\nlog: { level: "info }\n`)
    expect(lines).toEqual([
      expect.stringMatching(/^3:19 .*write 365d$/),
      expect.stringMatching(/^4:1 unknown key `gards` \(did you mean `guards`\?\)$/),
      '5:15 a quoted string is not closed',
    ])
  })

  it('is told with everything else where the rest can be read', async () => {
    const lines = told(
      `${minimal}log: { level: loud }\nroles: { a: { routes: [chat], models: [*] } }\nlog: 1\n`,
    )
    expect(lines.map((line) => line.split(' ')[0])).toEqual(expect.arrayContaining(['3:15', '4:40', '5:1']))
  })
})

describe('the cause is the true one', () => {
  it.each([
    ['timeouts: { connect: 0s }', '3:22 `timeouts.connect` must be at least 1ms'],
    ['timeouts: { idle: 9999d }', '3:19 `timeouts.idle` must be at most 24d'],
    ['queue: { size: 9999999999999 }', '3:16 `queue.size` must be at most 1000000000000'],
    ['tokens: { depth: 9 }', /^3:18 `tokens.depth` must be at most \d+$/],
    ['approval: { wait: 20m, valid: 15m }', /^3:19 `approval.wait` is longer than `approval.valid` \(15m\)/],
    [
      'roles: { a: { tools: { allow: [pay], arguments: { pay: { amount: { min: 9, max: 1 } } } } } }',
      /amount` has a `min` above its `max`, so nothing could pass$/,
    ],
    [
      'roles: { a: { tools: { allow: [p], arguments: { p: { type: object, properties: { n: { minLength: 9, maxLength: 1 } } } } } } }',
      /n.minLength` is above `maxLength`, so nothing could pass$/,
    ],
    ['roles: { a: { caps: { keepAlive: { min: 2h, max: 1h } } } }', /has a `min` above its `max`$/],
    ['aliases: { gpt-4o: llama3.2 }', /warning: no role may use llama3.2, so this alias has no effect/],
    [
      'timeouts: { total: 1m, firstByte: 5m }',
      /warning: `timeouts.firstByte` is longer than `timeouts.total`/,
    ],
    ['guards: { prompt: { block: low, flag: high } }', /warning: `flag: high` is above `block: low`/],
    [
      'roles: { a: { requestsPerMinute: 3 } }',
      /unknown key `requestsPerMinute`: it belongs in `roles.NAME.limits`|limits/,
    ],
    ['roles: { a: { models: ["qwen3:cloud"] } }', /not a name of a local model: qwen3:cloud \(cloud models/],
    ['roles: { a: { models: ["^qwen.*$"] } }', /\(`\^` is not allowed in names; the only wildcard is `\*`/],
    ['roles: { a: { models: ["qwеn3"] } }', /\(it contains U\+0435, which is not an ASCII character/],
    ['lоg: {}', /unknown key `lоg` \(did you mean `log`\?\): it contains U\+043E/],
    [
      `admin: { address: "0.0.0.0:8080", token: "\${T}" }`,
      /`admin.address` is also the address of the data listener/,
    ],
    ['store: { redis: "localhost:6379" }', /`store.redis` must start with redis:\/\/ or rediss:\/\/$/],
    ['store: { redis: "redis://:hunter2@127.0.0.1:99999" }', /`store.redis` has a port above 65535: 99999$/],
    [
      'audit: { forward: [{ name: a, url: "ftp://x" }] }',
      /must start with stdout: or http:\/\/ .*, not ftp:\/\/$/,
    ],
  ])('%s', async (line, message) => {
    const lines = told(`${minimal}${line}\n`, { T: 'a-token-that-is-long-enough' })
    expect(lines.filter((each) => !each.includes('warning') || /warning/.test(String(message)))).toHaveLength(
      1,
    )
    expect(lines.join('\n')).toMatch(
      typeof message === 'string'
        ? new RegExp(`^${message.replace(/[.*]/g, '\\$&')}$`, 'm')
        : new RegExp(message.source, 'm'),
    )
    expect(lines.join('\n')).not.toContain('hunter2')
  })

  it.each([
    ['http://127.0.0.1:99999', 'has a port above 65535: 99999'],
    ['127.0.0.1:11434', 'must start with http:// or https://: write http://127.0.0.1:11434'],
    ['localhost:11434', 'must start with http:// or https://: write http://localhost:11434'],
    ['ollama', 'must start with http:// or https://: write http://ollama'],
    ['tcp://127.0.0.1', 'must start with http:// or https://, not tcp://'],
    ['http://127.0.0.1:11434/v1', 'must be scheme, host and port only: write http://127.0.0.1:11434'],
    ['http://127.0.0.1 :11434', 'contains a space: remove it'],
    ['http://a:b@127.0.0.1', 'must be scheme, host and port only: put the API key of the server into `key`'],
    ['http://127.0.0.1:8080', 'is an address of this gateway itself: name the model server'],
  ])('of the upstream %s', async (url, message) => {
    const lines = told(`version: 1\nupstreams: [{ name: a, url: "${url}", kind: ollama }]\n`)
    expect(lines).toEqual([`2:29 \`upstreams.0.url\` ${message}`])
  })
})

describe('mistakes of all phases', () => {
  it('are told at once: schema, several keys, packs, files and keys', async () => {
    writeFileSync(join(folder, 'keys.yaml'), 'nonsense')
    writeFileSync(join(folder, 'pack.yaml'), 'signatures: 1\n')
    const text = `version: 1
upstreams:
  - { name: local, url: "http://8.8.8.8", kind: olama }
roles: { a: { models: ["x:cloud"], limits: { repetition: { same: 1 } } } }
guards: { prompt: { packs: [pack.yaml], disable: [nonsense] } }
listen: { tls: { cert: none.pem, key: none.key } }
aliases: { b: c, c: d }
`
    writeFileSync(file, text)
    const { code, out } = await cli(['check', '-c', file])
    expect(code).toBe(1)
    for (const part of [
      /:3:\d+: `upstreams.0.kind` must be one of/,
      /:3:\d+: `upstreams.0.url` is a public address/,
      /:4:\d+: `roles.a.models.0` is not a name of a local model/,
      /:4:\d+: `roles.a.limits.repetition.same` must be/,
      /:4:\d+: `roles.a.limits.repetition.window` is missing: it must be a duration/,
      /pack.yaml:1:\d+: /,
      /:5:\d+: `guards.prompt.disable.0` names an unknown signature/,
      /:6:\d+: `listen.tls.cert` cannot be read/,
      /:7:\d+: `aliases.b` names another alias/,
      /keys.yaml:1:1: .*is not a key file/,
    ])
      expect(out).toMatch(part)
    rmSync(join(folder, 'keys.yaml'))
  })

  it('include warnings', async () => {
    const lines = told(`${minimal}log: { level: loud }\nadmin: { token: short }\n`)
    expect(lines).toEqual([
      expect.stringMatching(/^3:15 `log.level`/),
      expect.stringMatching(/^4:10 warning: a secret is in the policy/),
      expect.stringMatching(/^4:10 warning: .*can be guessed/),
    ])
  })
})

describe('secrets that stand in the file', () => {
  it.each([
    [`admin:\n  token: "\${T:-a-long-default-token}"`, 1],
    [`admin:\n  token: "\${T:-}x"`, 0],
    [`admin:\n  token: "\${T}"`, 0],
    ['admin:\n  token: a-token-written-out', 1],
    [`store: { redis: "redis://:\${P:-hunter2}@127.0.0.1" }`, 1],
    [`store: { redis: "\${R:-redis://:hunter2@127.0.0.1}" }`, 1],
    [`store: { redis: "redis://:\${P}@127.0.0.1" }`, 0],
    [`store: { redis: "\${R:-redis://127.0.0.1}" }`, 0],
    [`approval: { webhook: { url: "https://x.example", secret: "\${S:-hunter2}" } }`, 1],
    [`audit: { forward: [{ name: a, url: "https://x.example", token: "\${S:-hunter2}" }] }`, 1],
  ])('%s', async (line, count) => {
    const variables = { T: 'a-token-that-is-long-enough', P: 'secret', R: 'redis://:secret@127.0.0.1' }
    const lines = told(`${minimal}${line}\n`, variables)
    expect(lines.filter((each) => each.includes('a secret is in the policy'))).toHaveLength(count)
    expect(lines.join('\n')).not.toMatch(/hunter2|secret@/)
  })
})
