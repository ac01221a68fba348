/** `sandbox`: what tools of agents get. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { loadPolicy } from '../../src/policy/load.ts'
import { formatProblem, PolicyError } from '../../src/policy/problem.ts'

const folder = mkdtempSync(join(tmpdir(), 'torwart-profiles-'))
afterAll(() => rmSync(folder, { recursive: true }))
const file = join(folder, 'torwart.yaml')

function load(sandbox: string) {
  const upstreams = 'upstreams: [{ name: local, url: http://127.0.0.1:11434, kind: ollama }]'
  writeFileSync(file, `version: 1\n${upstreams}\n${sandbox}\n`)
  return loadPolicy(file, {}).policy.sandbox
}

function problemsOf(sandbox: string): string[] {
  try {
    load(sandbox)
    return []
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error
    return error.problems.map((problem) => formatProblem(problem).slice(file.length + 1))
  }
}

describe('sandbox', () => {
  it('has no tools unless the policy names them', () => {
    expect(load('')).toEqual(new Map())
  })

  it('gives a tool its command, folders from the folder of the policy, and its time', () => {
    const text =
      'sandbox: { a: { command: [cat, -n], read: [data, /srv/x], write: [out], timeout: 2m }, b: {} }'
    expect(load(text)).toEqual(
      new Map([
        [
          'a',
          {
            command: ['cat', '-n'],
            read: [join(folder, 'data'), '/srv/x'],
            write: [join(folder, 'out')],
            timeoutMs: 120_000,
          },
        ],
        ['b', { command: [], read: [], write: [], timeoutMs: 30_000 }],
      ]),
    )
  })

  it.each([
    [
      'a: { read: [/data, /proc/1] }',
      '3:31: `sandbox.a.read.1` names a folder that is not given to commands: /proc',
    ],
    ['a: { read: [/] }', '3:24: `sandbox.a.read.0` names a folder that is not given to commands: /proc'],
    [
      'a: { write: [/etc/x] }',
      '3:25: `sandbox.a.write.0` names a folder that is not given to commands: /etc',
    ],
    ['a: { command: ["a\\0"] }', '3:27: `sandbox.a.command.0` must not hold a null character'],
    ['a: { read: ["a\\0"] }', '3:24: `sandbox.a.read.0` must not hold a null character'],
    ['a: { timeout: 2h }', '3:26: `sandbox.a.timeout` must be at most 1h'],
    ['a: { network: true }', '3:17: unknown key `network`'],
  ])('refuses %s', (text, expected) => {
    expect(problemsOf(`sandbox: { ${text} }`).join('\n')).toContain(expected)
  })
})
