/** What the built program loads before it does anything: counted, not timed, so that a busy machine changes nothing. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { mintKey } from '../../src/auth/api-keys/key.ts'
import { writeKeyFile } from '../../src/auth/api-keys/key-file.ts'
import { entryOf, policyText } from '../rig/gate.ts'

const folder = mkdtempSync(join(tmpdir(), 'torwart-start-'))
const policy = join(folder, 'torwart.yaml')
writeFileSync(policy, policyText({ upstream: 'http://127.0.0.1:11434' }))
const { id, key } = mintKey()
writeKeyFile(join(folder, 'keys.yaml'), [entryOf(key, id)])
afterAll(() => rmSync(folder, { recursive: true }))

const program = new URL('../../dist/main.js', import.meta.url).pathname

/** V8 tells every script that a process has loaded, whatever module system it came through. */
function loadedBy(words: readonly string[]) {
  const coverage = mkdtempSync(join(folder, 'coverage-'))
  const { status, stdout } = spawnSync(process.execPath, [program, ...words], {
    encoding: 'utf8',
    env: { ...process.env, NODE_V8_COVERAGE: coverage },
  })
  const scripts = readdirSync(coverage).flatMap((file) => {
    const { result } = JSON.parse(readFileSync(join(coverage, file), 'utf8')) as { result: { url: string }[] }
    return result.map(({ url }) => url).filter((url) => url.startsWith('file:'))
  })
  const packageOf = (url: string) => /\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1]
  const packages = new Set(scripts.map(packageOf).filter((name) => name !== undefined))
  return {
    status,
    stdout,
    packages: [...packages].sort(),
    own: scripts.filter((url) => !packageOf(url)).length,
  }
}

it.each([[['--version']], [['--help']], [['key', '--help']]])(
  'torwart %j loads the command line and nothing of the gateway',
  (words) => {
    const { status, stdout, packages, own } = loadedBy(words)
    expect(status).toBe(0)
    expect(stdout).not.toBe('')
    expect(packages).toEqual(['commander', 'fastest-levenshtein'])
    expect(own).toBeLessThan(10)
  },
)

it('torwart key list reads YAML and loads nothing else of the gateway', () => {
  const { status, stdout, packages, own } = loadedBy(['key', 'list', '-c', policy])
  expect(status).toBe(0)
  expect(stdout).toContain(id)
  expect(packages).toEqual(['commander', 'fastest-levenshtein', 'yaml'])
  expect(own).toBeLessThan(40)
})
