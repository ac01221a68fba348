/** A policy that somebody pastes must not be a way to read what they may not: variables, files of secrets, files elsewhere. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { loadPolicy } from '../../src/policy/load.ts'
import { PolicyError } from '../../src/policy/problem.ts'
import { tryPolicy } from '../../src/policy/try.ts'

const folder = mkdtempSync(join(tmpdir(), 'torwart-try-'))
afterAll(() => rmSync(folder, { recursive: true }))
const file = join(folder, 'torwart.yaml')
writeFileSync(join(folder, 'server.key'), 'secret-of-a-file\n')

const upstreams = 'upstreams: [{ name: local, url: http://127.0.0.1:11434, kind: ollama }]'
const inForce = `version: 1
upstreams: [{ name: local, url: http://127.0.0.1:11434, kind: ollama, key: "\${file:server.key}" }]
`
const variables = { SECRET: 'secret-of-a-variable' }

/** Returns what is told of a pasted policy. */
function told(rest: string): string[] {
  const current = { text: inForce, policy: loadPolicy(file, variables, pasted()).policy }
  try {
    return tryPolicy(`version: 1\n${rest}\n`, file, variables, current).warnings.map(({ message }) => message)
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error
    return error.problems.map(({ message }) => message)
  }
}

function pasted() {
  return { text: inForce, mayRead: () => true, onValue() {} }
}

describe('a policy that is tried', () => {
  it.each([
    ['a variable', '${SECRET}'],
    ['a variable that is written with an escape of YAML', '\\x24{SECRET}'],
    ['a file of the policy in force', '${file:server.key}'],
    ['a file, written with an escape', '\\x24{file:server.key}'],
  ])('is not told what %s holds', (_what, value) => {
    const messages = told(`upstreams: [{ name: a, url: "${value}", kind: ollama }]`)
    expect(messages).toEqual([expect.stringContaining('http://<secret>')])
  })

  it.each([
    ['in plain', '/etc/hostname'],
    ['as the default of a variable', '${NOT_SET:-/etc/hostname}'],
    ['with an escape', '\\x24{NOT_SET:-/etc/hostname}'],
  ])('reads no file elsewhere that is named %s', (_how, path) => {
    const messages = told(`${upstreams}\nguards: { prompt: { packs: ["${path}"] } }`)
    expect(messages).toEqual([expect.stringContaining('outside the policy’s folder')])
  })

  it('may name the secret of a model server by a variable, which is no file', () => {
    expect(
      told('upstreams: [{ name: a, url: "http://127.0.0.1:1", kind: ollama, key: "${SECRET}" }]'),
    ).toEqual([])
  })

  it('is refused where aliases of aliases stand for more than anybody wrote', () => {
    const levels = Array.from('bcdefg', (name, at) => {
      const inner = `*${'abcdef'[at]}`
      return `${name}: &${name} [${Array(9).fill(inner).join(', ')}]`
    })
    expect(told(`a: &a [x, x, x, x, x, x, x, x, x]\n${levels.join('\n')}`)).toEqual([
      expect.stringContaining('too many aliases'),
    ])
  })
})
