/** `anomalies` of the policy: what it says where it is absent, and what it does not accept. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { loadPolicy } from '../../src/policy/load.ts'
import { PolicyError } from '../../src/policy/problem.ts'

const folder = mkdtempSync(join(tmpdir(), 'torwart-anomalies-'))
afterAll(() => rmSync(folder, { recursive: true }))
const file = join(folder, 'torwart.yaml')

function load(anomalies: string) {
  writeFileSync(
    file,
    `version: 1\nupstreams: [{ name: a, url: "http://127.0.0.1:1", kind: ollama }]\n${anomalies}\n`,
  )
  return loadPolicy(file, {})
}

function problems(anomalies: string): string[] {
  try {
    load(anomalies)
    return []
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error
    return error.problems.map(({ line, column, message }) => `${line}:${column} ${message}`)
  }
}

const warnings = (anomalies: string) =>
  load(anomalies)
    .warnings.map(({ message }) => message)
    .filter((message) => message.includes('has no effect with'))

describe('the policy of anomalies', () => {
  it('alerts once a week where nothing is said', () => {
    expect(load('').policy.anomalies).toEqual({
      mode: 'alert',
      perWeek: 1,
      webhook: undefined,
      freezeForMs: 3_600_000,
    })
  })

  it('takes what it is given', () => {
    const { policy } = load(
      'anomalies: { mode: freeze, perWeek: 0.5, freezeFor: 30m, webhook: { url: "https://w.test/h", secret: s } }',
    )
    expect(policy.anomalies).toEqual({
      mode: 'freeze',
      perWeek: 0.5,
      webhook: { url: 'https://w.test/h', secret: 's' },
      freezeForMs: 1_800_000,
    })
  })

  it.each([
    ['anomalies: { mode: page }', /^3:20 .*must be one of `?off/],
    ['anomalies: { perWeek: 0 }', /^3:23 .*must be a number from 0.01 to 1000|at least 0.01/],
    ['anomalies: { perWeek: lots }', /^3:23 /],
    ['anomalies: { freezeFor: 365d }', /^3:25 .*must be at most 7d/],
    ['anomalies: { freezeFor: 0s }', /^3:25 .*must be at least 1m/],
    ['anomalies: { freeze: role }', /^3:14 .*unknown key/],
    ['anomalies: { webhook: { url: "http://chat.example.org/h", secret: s } }', /^3:30 .*must be https/],
    ['anomalies: { webhook: { url: "https://w.test" } }', /secret/],
  ])('refuses %s', (text, fault) => {
    expect(problems(text)).toEqual([expect.stringMatching(fault)])
  })

  it('warns of what the mode leaves without effect, and only of what is written', () => {
    expect(warnings('anomalies: { mode: off }')).toEqual([])
    expect(warnings('anomalies: { freezeFor: 2h }')).toHaveLength(1)
    expect(
      warnings('anomalies: { mode: observe, webhook: { url: "https://w.test", secret: s } }'),
    ).toHaveLength(1)
    expect(warnings('anomalies: { mode: off, perWeek: 2 }')).toHaveLength(1)
    expect(warnings('anomalies: { mode: freeze, freezeFor: 2h, perWeek: 2 }')).toEqual([])
  })
})
