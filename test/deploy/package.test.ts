/** What `npm pack` makes runs where it is unpacked, with nothing but its dependencies beside it. */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

let folder: string
let packed: readonly string[]
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'torwart-package-'))
  // What `prepack` would build is built; building it again would take it from under other tests.
  const words = ['pack', '--ignore-scripts', '--json', '--offline', '--pack-destination', folder]
  const [made] = JSON.parse(
    execFileSync('npm', words, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }),
  ) as [{ filename: string; files: { path: string }[] }]
  packed = made.files.map(({ path }) => path)
  execFileSync('tar', ['-xzf', join(folder, made.filename), '-C', folder])
  symlinkSync(join(process.cwd(), 'node_modules'), join(folder, 'package', 'node_modules'))
}, 60_000)
afterAll(() => rmSync(folder, { recursive: true }))

const run = (...words: string[]) =>
  spawnSync(process.execPath, [join(folder, 'package', 'dist', 'main.js'), ...words], {
    encoding: 'utf8',
    cwd: folder,
  })

describe('npm pack', () => {
  it('builds first, and packs the program and its policy, no sources and no reports', () => {
    const { scripts, bin } = JSON.parse(readFileSync('package.json', 'utf8')) as {
      scripts: Record<string, string>
      bin: Record<string, string>
    }
    expect(scripts.prepack).toContain('npm run --silent build')
    expect(packed).toEqual(expect.arrayContaining([bin.torwart, 'config/torwart.yaml', 'README.md']))
    expect(packed.filter((path) => /^(src|test)\/|test-report/.test(path))).toEqual([])
  })

  it('gives a package that runs', () => {
    const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string }
    expect(run('--version').stdout).toBe(`${version}\n`)
    const shipped = join(folder, 'package', 'config', 'torwart.yaml')
    expect(run('check', '-c', shipped)).toMatchObject({
      status: 0,
      stdout: expect.stringContaining('is valid'),
    })
    // Elsewhere it says where that policy is.
    expect(run('check')).toMatchObject({ status: 1, stdout: expect.stringContaining(shipped) })
  })
})
