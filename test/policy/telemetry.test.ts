/** `telemetry`: where traces go, with credentials that stand nowhere in the clear. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { loadPolicy } from '../../src/policy/load.ts'
import { formatProblem, PolicyError } from '../../src/policy/problem.ts'

const folder = mkdtempSync(join(tmpdir(), 'torwart-telemetry-'))
afterAll(() => rmSync(folder, { recursive: true }))
const file = join(folder, 'torwart.yaml')

function load(telemetry: string, variables: Record<string, string> = {}) {
  writeFileSync(
    file,
    `version: 1
upstreams: [{ name: local, url: http://127.0.0.1:11434, kind: ollama }]
${telemetry}
`,
  )
  const { policy, warnings } = loadPolicy(file, variables)
  return { ...policy, warnings: warnings.map(formatProblem) }
}

function problemsOf(telemetry: string): string[] {
  try {
    load(telemetry)
    return []
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error
    return error.problems.map((problem) => formatProblem(problem).slice(folder.length + 1))
  }
}

describe('telemetry.metrics', () => {
  it('adds no labels and names no traces unless the policy says so', () => {
    expect(load('').telemetry.metrics).toEqual({ labels: new Set(), maxKeys: 200, exemplars: false })
  })

  it('takes labels, how many keys, and exemplars', () => {
    const text = 'telemetry: { metrics: { labels: [key, role, key], maxKeys: 9, exemplars: true } }'
    expect(load(text).telemetry.metrics).toEqual({
      labels: new Set(['key', 'role']),
      maxKeys: 9,
      exemplars: true,
    })
  })

  it.each([
    ['labels: [key, peer]', '39: `telemetry.metrics.labels.1` must be one of role, key'],
    ['labels: role', '33: `telemetry.metrics.labels`'],
    ['maxKeys: 0', '34: `telemetry.metrics.maxKeys`'],
    ['maxKeys: 10001', '34: `telemetry.metrics.maxKeys`'],
    ['exemplars: 1', '36: `telemetry.metrics.exemplars`'],
    ['label: [key]', '25: unknown key `label`'],
  ])('refuses %s', (members, start) => {
    const problems = problemsOf(`telemetry: { metrics: { ${members} } }`)
    expect(problems).toEqual([expect.stringContaining(`torwart.yaml:3:${start}`)])
  })
})

const otlp = (members: string) => `telemetry: { otlp: { ${members} } }`
const atUrl = 'torwart.yaml:3:27: `telemetry.otlp.url`'

describe('telemetry.otlp', () => {
  it('is off where the policy does not name it', () => {
    expect(load('').telemetry.otlp).toBeUndefined()
  })

  it('sends metrics and no texts unless the policy says otherwise', () => {
    expect(load(otlp('url: "https://otel.example.org/base/"')).telemetry.otlp).toEqual({
      url: 'https://otel.example.org/base',
      headers: {},
      content: 'none',
      metrics: true,
    })
    expect(load(otlp('url: "https://o:4318", content: masked, metrics: false')).telemetry.otlp).toMatchObject(
      { content: 'masked', metrics: false },
    )
  })

  it('takes values of headers from variables', () => {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: a variable of the policy.
    const policy = load(otlp('url: "https://o:4318", headers: { X-Key: "${KEY}" }'), { KEY: 'secret-value' })
    expect(policy.telemetry.otlp?.headers).toEqual({ 'x-key': 'secret-value' })
    expect(policy.warnings).toEqual([])
  })

  it('warns of a header that stands in the policy', () => {
    const { warnings } = load(otlp('url: "https://o:4318", headers: { authorization: "Bearer abc" }'))
    expect(warnings).toEqual([expect.stringContaining('a secret is in the policy')])
  })

  it.each([
    ['url: "http://otel.internal:4318"', 'who asks which model and the headers go to another machine'],
    ['url: "http://10.0.0.7:4318", content: masked', 'texts of prompts and answers and the headers go'],
  ])('warns of %s', (members, warning) => {
    expect(load(otlp(members)).warnings).toEqual([expect.stringContaining(warning)])
  })

  it.each([
    'http://127.0.0.1:4318',
    'http://[::1]:4318',
    'http://localhost:4318',
    'https://otel.example.org',
  ])('does not warn of %s', (url) => {
    expect(load(otlp(`url: "${url}"`)).warnings).toEqual([])
  })

  it.each([
    ['otel:4318', 'must start with http:// or https://'],
    ['grpc://otel:4317', 'must start with http:// or https://, not grpc://'],
    ['https://user:pass-word@otel', 'must not hold a user or password: put credentials into `headers`'],
    ['https://otel/?key=pass-word', 'must end with its path: remove what is behind it'],
    ['https://otel/v1/traces', 'is the base URL: remove `/v1/…`, which is added for each signal'],
  ])('refuses %s, and does not repeat it', (url, problem) => {
    const problems = problemsOf(otlp(`url: "${url}"`))
    expect(problems).toEqual([`${atUrl} ${problem}`])
    expect(problems.join()).not.toContain('pass-word')
  })

  it.each([
    ['a b: x', 'is not a name of a header'],
    ['Content-Type: x', 'is set by the gateway: remove it'],
    ['a: "x\\r\\ny: z"', 'has characters that a header cannot carry'],
    ['a: x, A: y', 'is there twice'],
  ])('refuses the header %j', (headers, problem) => {
    expect(problemsOf(otlp(`url: "https://otel", headers: { ${headers} }`))).toEqual([
      expect.stringMatching(
        new RegExp(`^torwart\\.yaml:3:\\d+: \`telemetry\\.otlp\\.headers\\.[^ ].*\` ${problem}$`),
      ),
    ])
  })
})
