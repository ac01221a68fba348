/** `torwart playground`: the built program writes the page, with what a policy says and without what it must not tell. */
import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { shippedSettings } from '../../../src/detect/scan-settings.ts'
import { loadPolicy } from '../../../src/policy/load.ts'
import { settingsOf, withSettings } from '../../../src/policy/playground.ts'
import { policyText } from '../../rig/gate.ts'

const main = new URL('../../../dist/main.js', import.meta.url).pathname
const pack = `signatures:
  - id: house.project
    severity: high
    languages: [any]
    owasp: LLM01:2025
    phrases: ["blue elephant </script>"]
    catches: ["the codename is blue elephant </script>"]
    leaves: ["a grey elephant"]
`
const guards = `
guards:
  prompt: { block: medium, flag: low, packs: [own.yaml], disable: [override.ignore-previous] }
  pii: { names: labelled, namesFile: names.txt }
`

let folder: string
const path = (name: string) => join(folder, name)
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'torwart-playground-'))
  writeFileSync(path('own.yaml'), pack)
  writeFileSync(path('names.txt'), 'Jana Musterfrau\n')
  writeFileSync(path('torwart.yaml'), policyText({ upstream: 'http://127.0.0.1:11434' }) + guards)
})
afterAll(() => rmSync(folder, { recursive: true }))

async function run(...words: string[]) {
  return promisify(execFile)(process.execPath, [main, 'playground', ...words]).then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    ({ code, stdout, stderr }: { code: number; stdout: string; stderr: string }) => ({
      code,
      stdout,
      stderr,
    }),
  )
}

describe.skipIf(!existsSync(main))('torwart playground', () => {
  it('writes one file of a bounded size that names nothing outside itself', async () => {
    const out = path('page.html')
    const { code, stdout } = await run('--out', out)
    expect([code, stdout]).toEqual([0, `${out} (${Math.ceil(statSync(out).size / 1024)} KiB)\n`])
    expect(statSync(out).size).toBeLessThan(900_000)
    const html = readFileSync(out, 'utf8')
    const [head = ''] = html.split('<script')
    expect(head).toMatch(
      /script-src 'sha256-[\w+/=]+'; style-src 'sha256-[\w+/=]+'; worker-src blob:; connect-src 'none'/,
    )
    expect(html).not.toMatch(/<(?:script|link|img)[^>]*\s(?:src|href)=/)
  })

  it('overwrites a file only when it is told to', async () => {
    const out = path('kept.html')
    writeFileSync(out, 'mine')
    expect(await run('--out', out)).toMatchObject({ code: 2, stderr: expect.stringContaining('--force') })
    expect(readFileSync(out, 'utf8')).toBe('mine')
    expect((await run('--out', out, '--force')).code).toBe(0)
    expect(readFileSync(out, 'utf8')).not.toBe('mine')
  })

  it('puts in the thresholds of a policy, its packs only when asked, and no names', async () => {
    const out = path('policy.html')
    const { stderr } = await run('--out', out, '-c', path('torwart.yaml'))
    expect(stderr).toContain('--packs')
    const without = readFileSync(out, 'utf8')
    expect(without).toContain('"block":"medium","flag":"low"')
    expect(without).not.toContain('blue elephant')
    await run('--out', out, '-c', path('torwart.yaml'), '--packs', '--force')
    const withPacks = readFileSync(out, 'utf8')
    expect(withPacks).toContain('blue elephant \\u003c/script>')
    expect(withPacks).not.toContain('the codename is')
    expect(without + withPacks).not.toMatch(/Musterfrau|names\.txt/)
  })

  it('refuses --packs without a policy', async () => {
    expect(await run('--out', path('x.html'), '--packs')).toMatchObject({ code: 2 })
    expect(existsSync(path('x.html'))).toBe(false)
  })
})

describe('the settings of a policy', () => {
  it('are what its guards decide by', () => {
    const { policy } = loadPolicy(path('torwart.yaml'), {})
    expect(settingsOf(policy, false)).toEqual({
      ...shippedSettings,
      block: 'medium',
      flag: 'low',
      packsLeftOut: 1,
      disable: ['override.ignore-previous'],
      labelledNames: true,
      hasKnownNames: true,
    })
  })

  it('are of the packs in force, whatever stands in their files meanwhile', () => {
    const { policy } = loadPolicy(path('torwart.yaml'), {})
    const inForce = settingsOf(policy)
    expect(JSON.stringify(inForce.packs)).toContain('house.project')
    writeFileSync(path('own.yaml'), 'signatures: [')
    expect(settingsOf(policy)).toEqual(inForce)
    writeFileSync(path('own.yaml'), pack)
  })

  it('cannot end the block in which they stand', () => {
    const html = '<script type="application/json" id="settings">null</script>'
    const page = withSettings(html, { ...shippedSettings, disable: ['</script><img>$&'] })
    expect(page.match(/<\/script>/g)).toHaveLength(1)
    expect(page).toContain('$&')
    expect(() => withSettings('<html>', shippedSettings)).toThrow('no place')
  })
})
