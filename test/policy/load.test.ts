import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { standardIntervals } from '../../src/core/intervals.ts'
import { parseAddress } from '../../src/policy/address.ts'
import { loadPolicy, locateSharedKeys } from '../../src/policy/load.ts'
import type { Variables } from '../../src/policy/locate.ts'
import { PolicyError } from '../../src/policy/problem.ts'
import { createSnapshots } from '../../src/server/reload.ts'

const folder = mkdtempSync(join(tmpdir(), 'torwart-policy-'))
afterAll(() => rmSync(folder, { recursive: true }))
const file = join(folder, 'torwart.yaml')

const minimal = `version: 1
upstreams: [{ name: local, url: http://127.0.0.1:11434, kind: ollama }]
`
function load(text: string, variables: Variables = {}) {
  writeFileSync(file, text)
  return loadPolicy(file, variables)
}

/** `line:column message` of every problem. */
function problems(text: string, variables: Variables = {}): string[] {
  try {
    load(text, variables)
    return []
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error
    return error.problems.map(({ line, column, message }) => `${line}:${column} ${message}`)
  }
}

describe('a policy', () => {
  it('with thousands of errors is refused with the first ones and the word that there are more', () => {
    const wrong = Array.from({ length: 5000 }, (_, index) => `key${index}: x`).join('\n')
    const told = problems(`${minimal}roles: { agent: {} }\n${wrong}\n`)
    expect(told).toHaveLength(201)
    expect(told.filter((each) => each.includes('there are more errors than the first 200'))).toHaveLength(1)
    const roles = Array.from({ length: 1000 }, (_, index) => `  r${index}: { requests: 1, limits: 7 }`).join(
      '\n',
    )
    expect(problems(`${minimal}roles:\n${roles}\n`)).toHaveLength(201)
  })

  it('needs little, and the rest is safe', () => {
    const { policy } = load(`${minimal}roles: { agent: {} }\n`)
    expect(policy.listen).toMatchObject({ host: '127.0.0.1', port: 8080, loopback: true })
    expect(policy.admin).toMatchObject({ host: '127.0.0.1', port: 9464 })
    expect(policy.store).toEqual({ redis: undefined, onFailure: 'refuse', timeoutMs: 250 })
    expect(policy.promptGuard).toMatchObject({ mode: 'enforce', block: 'high', flag: 'medium' })
    expect(policy.timeouts).toEqual({
      connectMs: 5000,
      firstByteMs: 300_000,
      serverSilenceMs: 600_000,
      keepAliveMs: 15_000,
      idleMs: 60_000,
      totalMs: 900_000,
      sessionMs: 3_600_000,
      sessionIdleMs: 600_000,
      bodyMs: 30_000,
      writeMs: 60_000,
    })
    expect(policy.audit).toMatchObject({ content: 'masked', maxTextBytes: 65_536, sync: 'group' })
    const role = policy.roles.get('agent')
    expect(role?.limits.requestsPerMinute).toBe(10)
    expect(role?.limits.tokensPerDay).toBeUndefined()
    expect(role?.caps).toMatchObject({
      bodyBytes: 1_048_576,
      outputTokens: 4096,
      contextTokens: 32_768,
      soundMs: 0,
      images: 0,
      choices: 1,
      keepAlive: { minSeconds: 30, maxSeconds: 3600 },
    })
    expect(role?.allow.size).toBe(0)
    expect([...(role?.routes ?? [])]).toEqual([])
    expect(role?.mayUse('x', 'ollama')).toBe(false)
  })

  it('cannot be changed', () => {
    const { policy } = load(minimal)
    expect(Object.isFrozen(policy)).toBe(true)
    expect(Object.isFrozen(policy.timeouts)).toBe(true)
    expect(Object.isFrozen(policy.upstreams[0])).toBe(true)
  })

  it('tells every mistake at once, with its place and the nearest key', () => {
    const text = `version: 2
listn: {}
upstreams:
  - { name: local, url: "http://127.0.0.1:11434", kind: olama }
roles:
  agent:
    routes: [chat, embedings]
    limits: { requestsPerMinut: 10, tokensPerDay: -1 }
    caps: { body: 1MB }
timeouts: { idle: 5 }
log: { level: loud }
`
    expect(problems(text)).toEqual([
      '1:10 `version` must be 1',
      '2:1 unknown key `listn` (did you mean `listen`?)',
      '4:57 `upstreams.0.kind` must be one of ollama, localai, openai (did you mean `ollama`?)',
      '7:20 `roles.agent.routes.1` must be one of chat, completions, embeddings, models, rerank, tokenize, moderations, audio, images, realtime, admin (did you mean `embeddings`?)',
      '8:15 unknown key `requestsPerMinut` (did you mean `requestsPerMinute`?)',
      '8:51 `roles.agent.limits.tokensPerDay` must be an integer of at least 1',
      '9:19 `roles.agent.caps.body` must be a size such as 512B, 64KiB or 1MiB: write 1MiB',
      '10:19 `timeouts.idle` must be a duration such as 250ms, 30s, 15m, 24h or 30d: add a unit, such as 5s',
      '11:15 `log.level` must be one of trace, debug, info, warn, error, fatal',
    ])
  })

  it.each([
    ['listen: { address: "127.0.0.1:99999" }', /3:20 `listen.address` has a port above 65535/],
    ['admin: { address: "0.0.0.0:9464" }', /`admin.token` is required/],
    [
      'admin: { address: "0.0.0.0:9464", token: fifteen-letters }',
      /`admin.token` must have at least 16 characters/,
    ],
    ['roles: { a: { models: ["x:cloud"] } }', /`roles.a.models.0` is not a name of a local model: x:cloud/],
    ['aliases: { gpt: ../x }', /`aliases.gpt` is not a name of a local model/],
    ['jwt: [{ issuer: i, audience: a, role: r }]', /needs either `jwksUrl` or `publicKey`/],
    [
      'jwt: [{ issuer: i, audience: a, jwksUrl: "http://example.org/k", roleClaim: r }]',
      /https, or http on loopback/,
    ],
    ['jwt: [{ issuer: "https://i", audience: a }]', /needs either `role` or `roleClaim`/],
    ['jwt: [{ issuer: "https://i", audience: a, role: nobody }]', /role that does not exist: nobody/],
    ['jwt: [{ issuer: "https://i", audience: a, roleClaim: r, roles: { x: nobody } }]', /exist: nobody/],
    ['jwt: [{ issuer: "https://i", audience: a, roleClaim: r, clockTolerance: 1h }]', /at most 5m/],
    ['jwt: [{ issuer: "https://i", audience: a, roleClaim: r, algorithms: [HS256] }]', /must be one of/],
    ['jwt: [{ issuer: "https://i", audience: a, roleClaim: r, algorithms: [none] }]', /must be one of/],
    ['jwt: [{ issuer: i, audience: a, roleClaim: r, publicKey: nowhere.pem }]', /cannot be read/],
    ['roles: { a: { caps: { keepAlive: { min: 2h, max: 1h } } } }', /`min` above its `max`/],
    ['certificates: [{ match: {}, name: n, role: nobody }]', /exactly one of cn, dns, uri, fingerprint/],
    ['certificates: [{ match: { cn: c }, name: n, role: nobody }]', /role that does not exist: nobody/],
    ['certificates: [{ match: { fingerprint: "12:34" }, name: n, role: a }]', /64 hex digits/],
    ['certificates: [{ match: { uri: "spiffe://*/a" }, name: n, role: a }]', /in its path only/],
    ['roles: [', /./],
    ['version: 1', /^3:1 duplicate key `version`, first defined in line 1/],
  ])('with %s is refused', (line, message) => {
    expect(problems(`${minimal}${line}\n`).join('\n')).toMatch(message)
  })

  it.each([
    ['http://8.8.8.8:11434', /public address/],
    ['https://[2606:4700::1111]', /public address/],
    ['ftp://127.0.0.1', /http/],
    ['http://127.0.0.1:11434/v1', /scheme, host and port/],
    ['http://user:pass@127.0.0.1', /scheme, host and port/],
    ['nonsense', /http/],
  ])('refuses the upstream %s', (url, message) => {
    expect(
      problems(`version: 1\nupstreams: [{ name: a, url: "${url}", kind: ollama }]\n`).join('\n'),
    ).toMatch(message)
  })

  it.each([
    'http://10.1.2.3:11434',
    'http://192.168.0.9',
    'http://100.64.1.1:1',
    'http://[fd00::1]:11434',
    'http://ollama:11434',
  ])('takes the near upstream %s', (url) => {
    expect(problems(`version: 1\nupstreams: [{ name: a, url: "${url}", kind: ollama }]\n`)).toEqual([])
  })

  it('takes a far upstream when told to', () => {
    expect(
      problems('version: 1\nupstreams: [{ name: a, url: "https://8.8.8.8", kind: openai, remote: true }]\n'),
    ).toEqual([])
  })

  it('has a version that changes with the file', () => {
    expect(load(minimal).policy.version).toMatch(/^[0-9a-f]{12}$/)
    expect(load(`${minimal}# x\n`).policy.version).not.toBe(load(minimal).policy.version)
  })

  it('resolves paths from its own folder', () => {
    const { policy } = load(`${minimal}keys: { file: secrets/keys.yaml }\n`)
    expect(policy.keysFile).toBe(join(folder, 'secrets/keys.yaml'))
  })
})

describe('variables', () => {
  it('expand anywhere, with defaults, and become numbers where numbers are wanted', () => {
    const { policy } = load(
      `version: 1
upstreams: [{ name: "\${NAME}", url: "http://\${HOST:-127.0.0.1}:\${PORT:-11434}", kind: ollama }]
admin:
  token: \${TOKEN}
roles:
  a:
    limits: { requestsPerMinute: "\${RPM}" }
    trustSystem: \${TRUST:-true}
`,
      { NAME: 'n', TOKEN: '123456', RPM: '25' },
    )
    expect(policy.upstreams[0]).toMatchObject({ name: 'n', origin: 'http://127.0.0.1:11434' })
    expect(policy.admin.token).toBe('123456')
    expect(policy.roles.get('a')).toMatchObject({ trustSystem: true, limits: { requestsPerMinute: 25 } })
  })

  it('cannot add structure', () => {
    const { policy } = load(`${minimal}admin:\n  token: \${TOKEN}\n`, {
      TOKEN: '{ hosts: [evil] }\nroles: {}',
    })
    expect(policy.admin.token).toBe('{ hosts: [evil] }\nroles: {}')
    expect(policy.admin.hosts).toEqual([])
  })

  it('that are not set are an error with a place, and never tell another value', () => {
    const text = `${minimal}admin:\n  token: \${MISSING}\n`
    expect(problems(text, { OTHER: 'secret' })).toEqual(['4:10 the environment variable MISSING is not set'])
  })

  it('come from files too, without the last newline', () => {
    writeFileSync(join(folder, 'token'), 's3cret\n')
    expect(load(`${minimal}admin:\n  token: \${file:token}\n`).policy.admin.token).toBe('s3cret')
    expect(problems(`${minimal}admin:\n  token: \${file:nowhere}\n`)[0]).toMatch(/cannot be read/)
  })
})

describe('mistakes of different kinds', () => {
  it('are told together: variables, keys, values, and what only two keys show', () => {
    const text = `version: 1
admin: { address: "0.0.0.0:9464", token: "\${NOWHERE}" }
listen: { tls: { cert: none.pem, key: none.key, clientCert: required } }
upstreams:
  - { name: a, url: "http://127.0.0.1:1", kind: ollama }
  - { name: a, url: "http://8.8.8.8", kind: ollama }
aliases: { a: b, b: llama3.2 }
gards: {}
log: { level: loud }
`
    expect(problems(text)).toEqual([
      '2:42 the environment variable NOWHERE is not set',
      '3:24 `listen.tls.cert` cannot be read: none.pem',
      '3:39 `listen.tls.key` cannot be read: none.key',
      '3:61 `listen.tls.clientCert` is `required`, which needs `clientCa`',
      '6:13 `upstreams.1.name` is also the name of another upstream: a',
      expect.stringMatching(/^6:21 `upstreams.1.url` is a public address/),
      '7:15 `aliases.a` names another alias, and aliases are not chained: b',
      '8:1 unknown key `gards` (did you mean `guards`?)',
      expect.stringMatching(/^9:15 `log.level` must be one of/),
    ])
  })

  it('include what only looks like a variable, and a certificate that is none', () => {
    const text = `${minimal}admin: { token: "\${TOKEN:secret}" }\n`
    expect(problems(text, { TOKEN: 'x' })).toEqual([expect.stringMatching(/^3:17 .*looks like a variable/)])
    writeFileSync(join(folder, 'no.pem'), 'no certificate')
    const tls = `${minimal}listen: { tls: { cert: no.pem, key: no.pem } }\n`
    expect(problems(tls)).toEqual([
      expect.stringMatching(/ `listen.tls.cert` is not a certificate for the key in `listen.tls.key`/),
    ])
  })

  it('are not told twice where one follows from the other', () => {
    expect(problems(`${minimal}listen: { address: "\${NOWHERE}" }\n`)).toEqual([
      '3:20 the environment variable NOWHERE is not set',
    ])
  })

  it('include two listeners on one address', () => {
    const same = `${minimal}listen: { address: "127.0.0.1:80" }\nadmin: { address: "127.0.0.1:80" }\n`
    expect(problems(same)).toEqual([
      '4:19 `admin.address` is also the address of the data listener: give each its own port',
    ])
    expect(problems(same.replaceAll(':80', ':0'))).toEqual([])
  })

  it.each([
    ['127.0.0.1:80', 0],
    ['localhost:80', 0],
    ['[::1]:80', 0],
    ['0.0.0.0:80', 1],
    ['[::]:80', 1],
    ['192.168.0.7:80', 1],
    ['gate.example.org:80', 1],
  ])('warn of plain HTTP for other machines, at %s: %i', (address, count) => {
    const { warnings } = load(`${minimal}listen: { address: "${address}" }\n`)
    expect(warnings.filter(({ line, message }) => line === 3 && message.includes('plain HTTP'))).toHaveLength(
      count,
    )
  })

  it('warn of plain HTTP where the command line says to listen', () => {
    const warningsAt = (inFile: string, listen?: string) => {
      writeFileSync(file, `${minimal}listen: { address: "${inFile}" }\n`)
      const address = listen === undefined ? undefined : parseAddress(listen)
      const options = {
        policyFile: file,
        variables: {},
        intervals: standardIntervals,
        tests: { admits: () => 'yes' as const, settled: async () => {} },
        now: () => 0,
        ...(address ? { listen: address } : {}),
      }
      const snapshots = createSnapshots(options)
      snapshots.close()
      return snapshots.warnings.length
    }
    expect(warningsAt('127.0.0.1:80', '0.0.0.0:80')).toBe(1)
    expect(warningsAt('0.0.0.0:80', '127.0.0.1:80')).toBe(0)
    expect(warningsAt('0.0.0.0:80')).toBe(1)
  })

  it('are warnings where they may be meant', () => {
    const { warnings } = load(`${minimal}admin: { token: short }
roles: { a: { limits: { tokensPerMinute: 1000 } } }
`)
    expect(warnings.map(({ line, message }) => `${line} ${message}`)).toEqual([
      expect.stringMatching(/^3 .*a secret is in the policy/),
      expect.stringMatching(/^3 .*can be guessed/),
      expect.stringMatching(/^4 .*tokensPerMinute/),
    ])
    const vain = load(
      `${minimal}roles: { a: { routes: [chat, rerank], models: [x] }, b: { routes: [chat], models: [] } }\n`,
    )
    expect(vain.warnings.map(({ line, column, message }) => `${line}:${column} ${message}`)).toEqual([
      '3:30 no upstream is of a kind that has routes of the group `rerank`',
      '3:75 the role names no model, so it may use none',
    ])
    const unasked = load(
      `${minimal}roles: { a: {} }\ncertificates: [{ match: { cn: c }, name: n, role: a }]\n`,
    )
    expect(unasked.warnings.map(({ message }) => message)).toEqual([expect.stringMatching(/clientCa/)])
    const fine = 'roles: { a: { limits: { tokensPerMinute: 1000 }, caps: { outputTokens: 500 } } }\n'
    expect(load(`${minimal}${fine}`).warnings).toEqual([])
  })
})

describe('where keys are', () => {
  it.each([
    ['true', {}, true],
    [`"\${SHARED}"`, { SHARED: 'true' }, true],
    [`"\${SHARED:-false}"`, {}, false],
    ['false', {}, false],
  ])('is Redis if the policy says %s, by a variable too', (redis, variables, isShared) => {
    writeFileSync(file, `${minimal}store: { redis: "redis://127.0.0.1" }\nkeys: { redis: ${redis} }\n`)
    expect(locateSharedKeys(file, variables) !== undefined).toBe(isShared)
    expect(loadPolicy(file, variables).policy.keysInRedis).toBe(isShared)
  })
})

describe('a guard model', () => {
  const withModel = (model: string, mode = 'enforce') =>
    `${minimal}guards: { prompt: { mode: ${mode}, model: { ${model} } } }\n`
  const sound = 'upstream: local, name: "llama-guard3:1b"'

  it('is not asked unless the policy names one, and waited for two seconds', () => {
    expect(load(minimal).policy.promptGuard.model).toBeUndefined()
    const { policy, warnings } = load(withModel('upstream: local, name: Llama-Guard3'))
    expect(policy.promptGuard.model).toMatchObject({
      upstream: { name: 'local' },
      name: 'llama-guard3',
      timeoutMs: 2000,
    })
    expect(warnings).toEqual([])
  })

  it.each([
    [
      'upstream: locl, name: g',
      '3:55 `guards.prompt.model.upstream` names an unknown upstream: locl (did you mean',
    ],
    ['upstream: local, name: "g:cloud"', '3:68 `guards.prompt.model.name` is not a name of a local model'],
    [`${sound}, timeout: 0s`, '3:96 `guards.prompt.model.timeout` must be at least 1ms'],
    [`${sound}, timeout: 31s`, '3:96 `guards.prompt.model.timeout` must be at most 30s'],
    [
      `${sound}, prompt: "is it bad?"`,
      '3:95 `guards.prompt.model.prompt` must contain `{text}` exactly once',
    ],
    [
      `${sound}, prompt: "{text}{text}"`,
      '3:95 `guards.prompt.model.prompt` must contain `{text}` exactly once',
    ],
  ])('%s is a mistake', (model, problem) => {
    expect(problems(withModel(model))).toEqual([expect.stringContaining(problem)])
  })

  it('is warned of where it decides nothing, or is far away', () => {
    const warnings = (text: string) => load(text).warnings.map(({ message }) => message)
    expect(warnings(withModel(sound, 'off'))).toEqual([
      expect.stringContaining('has no effect, because the guard is off'),
    ])
    expect(warnings(withModel(sound, 'observe'))).toEqual([expect.stringContaining('blocks nothing')])
    const far = withModel(sound).replace('kind: ollama', 'kind: ollama, remote: true')
    expect(warnings(far)).toEqual([expect.stringContaining('outside your network')])
  })
})

describe('a secret', () => {
  it('that is written out is told, one that comes from elsewhere is not', () => {
    const upstream = (key: string) =>
      load(
        `version: 1\nupstreams: [{ name: u, url: "http://127.0.0.1:1", kind: localai, key: "${key}" }]\n`,
        { KEY: 'sk-x' },
      )
    expect(upstream('sk-x').warnings.map(({ message }) => message)).toEqual([
      expect.stringContaining('a secret is in the policy'),
    ])
    const variable = '$' + '{KEY}'
    expect(upstream(variable).warnings).toEqual([])
    const elsewhere = `audit: { forward: [{ name: s, url: "https://s.test", token: t }] }
approval: { webhook: { url: "https://w.test", secret: 0123456789abcdef0123456789abcdef } }
`
    const told = load(minimal + elsewhere).warnings.map(({ line, message }) => `${line} ${message}`)
    expect(told).toEqual([
      expect.stringMatching(/^3 a secret is in the policy/),
      expect.stringMatching(/^4 a secret is in the policy/),
    ])
    expect(JSON.stringify(upstream('sk-x').warnings)).not.toContain('sk-x')
  })
})

describe('the policy that ships', () => {
  it('is valid, listens on this machine only and lets nobody at the server itself', () => {
    const { policy } = loadPolicy(new URL('../../config/torwart.yaml', import.meta.url).pathname, {})
    expect(policy.listen.loopback && policy.admin.loopback).toBe(true)
    expect(policy.upstreams[0].origin).toBe('http://127.0.0.1:11434')
    for (const role of policy.roles.values()) {
      expect([...role.routes]).not.toContain('admin')
      // A coding agent asks as fast as its model answers.
      expect(role.limits.requestsPerMinute).toBeLessThanOrEqual(role.name === 'coding-agent' ? 120 : 30)
    }
    expect(policy.roles.get('user')?.limits.requestsPerMinute).toBe(10)
  })

  it('leaves what coding agents write into files as it is, and everybody else’s secrets out', () => {
    const { policy } = loadPolicy(new URL('../../config/torwart.yaml', import.meta.url).pathname, {})
    expect(policy.roles.get('coding-agent')?.outputGuard.toolArguments).toBe('flag')
    expect(policy.roles.get('coding-agent')?.outputGuard.actions.secrets).toBe('redact')
    expect(policy.roles.get('agent')?.outputGuard.toolArguments).toBeUndefined()
  })
})

describe('the example in the contract', () => {
  it('is understood in every key', () => {
    const text = `version: 1
listen:
  address: 127.0.0.1:8080
admin:
  address: 127.0.0.1:9464
store:
  onFailure: refuse
  timeout: 250ms
upstreams:
  - { name: local, url: http://127.0.0.1:11434, kind: ollama }
keys: { file: keys.yaml }
jwt: []
certificates: []
roles:
  agent:
    routes: [chat, completions, embeddings, models]
    models: ["llama3.2", "qwen3:*"]
    limits: { requestsPerMinute: 10, probesPerMinute: 120, tokensPerMinute: 200000, tokensPerDay: 5000000, concurrent: 2,
              actionsPerMinute: 100, repetition: { same: 20, window: 10m } }
    caps: { body: 1MiB, outputTokens: 4096, contextTokens: 32768, images: 0 }
    trustSystem: false
    tools: { allow: ["search_*"], approve: ["transfer_*", "delete_*"], otherwise: refuse, arguments: {} }
guards:
  prompt: { mode: enforce, block: high, flag: medium, separate: false }
  output: { mode: enforce, secrets: redact, pii: off, injection: flag, links: { allow: [] }, canary: false }
approval: { wait: 120s, approvers: [] }
aliases: { gpt-4o-mini: llama3.2 }
door: { failuresPerMinute: 60, connections: 256 }
timeouts: { connect: 5s, firstByte: 5m, idle: 60s, total: 15m, body: 30s, write: 60s }
queue: { size: 64, wait: 60s }
audit:
  file: data/audit.jsonl
  content: masked
  maxText: 64KiB
  sync: group
  retention: 365d
log: { level: info }
shutdown: { grace: 30s }
`
    expect(problems(text)).toEqual([])
  })
})

describe('limits', () => {
  it('of roles, models and the whole gate are read, a number from a variable too', () => {
    const { policy } = load(
      `${minimal}limits: { concurrent: 8 }
models: { "llama3.3:70b": { weight: 2.5, limits: { concurrent: 1 } }, "qwen3:*": {} }
roles: { a: { limits: { requestsPerMinute: "\${RPM}" }, shared: { tokensPerDay: 5 } }, b: { limits: { requestsPerMinute: unlimited } } }
`,
      { RPM: '12' },
    )
    expect(policy.limits).toMatchObject({ concurrent: 8, requestsPerMinute: undefined })
    expect(policy.models.map(({ pattern, weight }) => [pattern, weight])).toEqual([
      ['llama3.3:70b', 2.5],
      ['qwen3:*', 1],
    ])
    expect(policy.models[0]?.matches('llama3.3:70b', 'ollama')).toBe(true)
    expect(policy.roles.get('a')).toMatchObject({
      limits: { requestsPerMinute: 12 },
      shared: { tokensPerDay: 5 },
    })
    expect(policy.roles.get('b')?.limits.requestsPerMinute).toBeUndefined()
  })

  it.each([
    ['roles: { a: { limits: { requestsPerMinute: lots } } }', /at least 1, or `unlimited`/],
    ['roles: { a: { limits: { requestsPerMinute: 0 } } }', /at least 1, or `unlimited`/],
    ['models: { x: { weight: 0 } }', /must be at least 0.001/],
    ['models: { "x:cloud": {} }', /`models.x:cloud` is not a name of a local model/],
  ])('with %s are refused', (line, message) => {
    const [problem, ...more] = problems(`${minimal}${line}\n`)
    expect(problem).toMatch(message)
    expect(more).toEqual([])
  })
})

describe('what proves a model', () => {
  it('stands beside the settings of models, which keep their order', () => {
    const { policy } = load(
      `${minimal}models: { "a:*": { weight: 2 }, lock: locks/m.yaml, require: [digest], onDrift: flag, "lock:latest": {} }\n`,
    )
    expect(policy.modelTrust).toEqual({
      lockFile: expect.stringMatching(/\/locks\/m\.yaml$/),
      require: new Set(['digest']),
      onDrift: 'flag',
      signingFile: expect.stringMatching(/\/models\.signing\.key$/),
      suite: undefined,
      tools: 'off',
    })
    expect(policy.models.map(({ pattern }) => pattern)).toEqual(['a:*', 'lock:latest'])
  })

  it('is nothing by default, with a lock file beside the policy', () => {
    const { modelTrust } = load(minimal).policy
    expect(modelTrust).toMatchObject({ require: new Set(), onDrift: 'refuse', tools: 'off' })
    expect(modelTrust.lockFile).toMatch(/\/models\.lock\.yaml$/)
  })

  it('warns of servers that cannot prove a digest', () => {
    const { policy } = load(
      `${minimal}models: { require: [digest, suite], suite: { name: own, maxAge: 30d }, tools: pin }\n`.replace(
        'kind: ollama',
        'kind: openai',
      ),
    )
    expect(policy.modelTrust.suite).toEqual({ name: 'own', maxAgeMs: 30 * 86_400_000 })
    expect(policy.warnings).toEqual(
      expect.arrayContaining([expect.stringMatching(/kind `openai`.*can prove its `digest`/)]),
    )
  })

  it.each([
    ['models: { require: [signature] }', /`models.require.0` must be/],
    ['models: { onDrfit: refuse }', /`models.onDrfit` must be/],
    ['models: { require: [suite] }', /`models.suite` must name one/],
    ['models: { lock: { weight: 2 } }', /`models.lock` must be/],
  ])('with %s is refused', (line, message) => {
    const [problem, ...more] = problems(`${minimal}${line}\n`)
    expect(problem).toMatch(message)
    expect(more).toEqual([])
  })
})

describe('the limit store', () => {
  it('is reached by one URL or several, whose secrets no message repeats', () => {
    const redis = (text: string) => `${minimal}store: { redis: "${text}" }\n`
    expect(load(redis('rediss://user:secret@10.0.0.1:6380/2')).policy.store.redis).toMatchObject({
      urls: ['rediss://user:secret@10.0.0.1:6380/2'],
      kind: 'single',
      prefix: 'torwart',
    })
    const cluster = `${minimal}store: { kind: cluster, redis: "redis://a:1, redis://b:2" }\n`
    expect(load(cluster).policy.store.redis?.urls).toEqual(['redis://a:1', 'redis://b:2'])
    for (const [text, message] of [
      ['http://:secret@x', /must start with redis/],
      ['secret', /must start with redis/],
      ['redis://:secret@x/db', /must be a redis/],
      ['redis://:secret@x?db=1', /must be a redis/],
      ['redis://:secret@x,redis://y', /several URLs/],
    ] as const) {
      const found = problems(redis(text)).join('\n')
      expect(found).toMatch(message)
      expect(found).not.toContain('secret')
    }
    expect(
      problems(`${minimal}store: { kind: cluster, redis: "redis://:secret@x,rediss://y" }\n`).join('\n'),
    ).toMatch(/mixes/)
    expect(problems(`${minimal}store: { redis: "redis://x", ca: none.pem }\n`).join('\n')).toMatch(
      /cannot be read: none.pem/,
    )
    expect(problems(`${minimal}store: { prefix: "{x}" }\n`).join('\n')).toMatch(/1 to 64 letters/)
  })
})

describe('tools and approvals', () => {
  it('are compiled at load, every mistake with its place', () => {
    expect(
      problems(`${minimal}roles:
  agent:
    tools:
      allow: ["*"]
      otherwise: stirp
      arguments:
        "transfer_*":
          amount: { max: 100, mni: 1 }
          to: "(?=DE)"
        write_file:
          type: object
          properties:
            path: { type: string, pattern: "(x)\\\\1" }
            mode: { type: text }
        list: [a, b]
approval:
  valid: 0s
  webhook: { url: "http://chat.example.org/hook", secret: s }
`),
    ).toEqual([
      expect.stringMatching(/^7:18 .*otherwise` must be one of refuse, strip \(did you mean/),
      expect.stringMatching(/^10:36 .*amount\.mni` is not a rule/),
      expect.stringMatching(/^11:15 .*to` is not a valid RE2 pattern/),
      expect.stringMatching(/^15:44 .*path\.pattern` is not a valid RE2 pattern/),
      expect.stringMatching(/^16:27 .*mode\.type` must be one of object/),
      expect.stringMatching(/^17:15 .*list` must be a JSON Schema/),
      expect.stringMatching(/^19:10 .*approval\.valid` must be at least 1ms/),
      expect.stringMatching(/^20:19 .*approval\.webhook\.url` must be https/),
    ])
  })

  it.each([
    ['https://chat.example.org/hook', true],
    ['http://127.0.0.1:9/hook', true],
    ['http://[::1]/hook', true],
    ['http://10.0.0.5/hook', true],
    ['http://chat/hook', false],
    ['http://93.184.216.34/hook', false],
    ['ftp://127.0.0.1/', false],
    ['https://user:password@chat.example.org/', false],
    ['nonsense', false],
  ])('a webhook at %s: %s', (url, fine) => {
    const found = problems(`${minimal}approval: { webhook: { url: "${url}", secret: s } }\n`)
    expect(found.length === 0).toBe(fine)
  })

  it('warns when nobody could say yes', () => {
    const asks = (more: string) =>
      load(`${minimal}roles: { a: { routes: [chat], models: [x], tools: { approve: [t] } } }\n${more}`)
        .warnings.map(({ message }) => message)
        .filter((message) => message.includes('no one can approve these calls'))
    expect(asks('')).toHaveLength(1)
    expect(asks('admin: { token: a-token-long-enough }\n')).toEqual([])
    expect(asks('approval: { approvers: [a] }\n')).toEqual([])
  })

  it('warns that calls which wait are kept, though nothing is recorded', () => {
    const kept = (role: string, more = '') =>
      load(`${minimal}roles: { a: { routes: [chat], models: [x], ${role} } }\n${more}`)
        .warnings.map(({ message }) => message)
        .filter((message) => message.includes('wait for approval are stored masked'))
    const approve = 'tools: { approve: [t] }'
    expect(kept(`${approve}, audit: { content: none }`)).toHaveLength(1)
    expect(kept(approve, 'audit: { content: none }\n')).toHaveLength(1)
    expect(kept(`${approve}, audit: { content: masked }`, 'audit: { content: none }\n')).toEqual([])
    expect(kept(approve)).toEqual([])
    expect(kept('tools: { allow: [t] }, audit: { content: none }')).toEqual([])
  })

  it('warns of rules for tools that may not be called, such as mistyped ones', () => {
    const warned = (rules: string) =>
      load(
        `${minimal}roles: { a: { routes: [chat], models: [x], tools: { allow: ["search_*", read], arguments: { ${rules} } } } }\n`,
      )
        .warnings.map(({ message }) => message)
        .filter((message) => message.includes('have no effect'))
    expect(warned('raed: { p: x }')).toHaveLength(1)
    expect(warned('"serach_*": { p: x }')).toHaveLength(1)
    expect(
      warned('read: { p: x }, "search_*": { p: x }, search_web: { p: x }, "*": { p: x }, "re*": { p: x }'),
    ).toEqual([])
  })

  it('default to the safe side', () => {
    const { policy } = load(`${minimal}roles: { a: { tools: {} }, b: {} }\n`)
    expect(policy.approval).toEqual({
      waitMs: 120_000,
      validMs: 900_000,
      approvers: new Set(),
      arguments: 'masked',
      tellWhy: false,
      webhook: undefined,
    })
    expect(policy.roles.get('a')?.tools?.mayCall('anything')).toBe(false)
    expect(policy.roles.get('b')?.tools).toBeUndefined()
    expect(policy.roles.get('b')?.separate).toBe(false)
  })
})
