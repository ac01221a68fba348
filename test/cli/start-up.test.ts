/** What the built program loads before it does anything: counted, not timed, so that a busy machine changes nothing. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { mintKey } from '../../src/auth/api-keys/key.ts'
import { writeKeyFile } from '../../src/auth/api-keys/key-file.ts'
import { listening, start } from '../rig/cli.ts'
import { entryOf, policyText } from '../rig/gate.ts'
import { until } from '../rig/wait.ts'

const folder = mkdtempSync(join(tmpdir(), 'torwart-start-'))
const policy = join(folder, 'torwart.yaml')
writeFileSync(policy, policyText({ upstream: 'http://127.0.0.1:11434' }))
const { id, key } = mintKey()
writeKeyFile(join(folder, 'keys.yaml'), [entryOf(key, id)])
afterAll(() => rmSync(folder, { recursive: true }))

const program = new URL('../../dist/main.js', import.meta.url).pathname

/** V8 tells every script that a process has loaded, whatever module system it came through. */
function scriptsIn(coverage: string): string[] {
  return readdirSync(coverage).flatMap((file) => {
    const { result } = JSON.parse(readFileSync(join(coverage, file), 'utf8')) as { result: { url: string }[] }
    return result.map(({ url }) => url).filter((url) => url.startsWith('file:'))
  })
}

function loadedBy(words: readonly string[]) {
  const coverage = mkdtempSync(join(folder, 'coverage-'))
  const { status, stdout } = spawnSync(process.execPath, [program, ...words], {
    encoding: 'utf8',
    env: { ...process.env, NODE_V8_COVERAGE: coverage },
  })
  const scripts = scriptsIn(coverage)
  // The bundler names each module where its code begins.
  const modules = scripts.flatMap((url) =>
    Array.from(
      readFileSync(new URL(url), 'utf8').matchAll(/^\/\/ ((?:node_modules|dist-modules)\/.*)$/gm),
      ([, path = '']) => path,
    ),
  )
  const packages = modules.map((path) => /^node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1])
  return {
    status,
    stdout,
    packages: [...new Set(packages.filter((name) => name !== undefined))].sort(),
    own: modules.filter((path) => path.startsWith('dist-modules/')).length,
  }
}

it.each([[['--version']], [['--help']], [['key', '--help']]])(
  'torwart %j loads the command line and nothing of the gateway',
  (words) => {
    const { status, stdout, packages, own } = loadedBy(words)
    expect(status).toBe(0)
    expect(stdout).not.toBe('')
    expect(packages).toEqual(['commander', 'fastest-levenshtein'])
    // Sockets that a predecessor or systemd has left are taken before anything opens files, so their module is among them.
    expect(own).toBeLessThan(11)
  },
)

it('torwart key list reads YAML and loads no guard and no server', () => {
  const { status, stdout, packages, own } = loadedBy(['key', 'list', '-c', policy])
  expect(status).toBe(0)
  expect(stdout).toContain(id)
  expect(packages).toEqual(['commander', 'fastest-levenshtein', 'lru-cache', 'yaml'])
  expect(own).toBeLessThan(41)
})

it('torwart serve reads a few dozen files of its own, and none of a package', async () => {
  const coverage = mkdtempSync(join(folder, 'coverage-'))
  const served = start(['serve', '-c', policy], { NODE_V8_COVERAGE: coverage })
  await until(() => listening(served.output()) !== undefined)
  served.process.kill('SIGTERM')
  expect(await served.ended).toBe(0)
  const scripts = scriptsIn(coverage)
  expect(scripts.filter((url) => url.includes('/node_modules/'))).toEqual([])
  // It was two thousand; how many chunks the bundler makes changes with every command.
  expect(scripts.length).toBeLessThan(120)
})
