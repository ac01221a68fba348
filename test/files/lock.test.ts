import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { unlessLocked, whileLocked } from '../../src/files/lock.ts'

const folder = mkdtempSync(join(tmpdir(), 'torwart-lock-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const program = new URL('../../dist/main.js', import.meta.url).pathname

describe('a lock', () => {
  it('that is empty, as a full disk leaves one, blocks no change', async () => {
    const file = join(folder, 'empty')
    writeFileSync(`${file}.lock`, '')
    expect(await whileLocked(file, () => 'done')).toBe('done')
    expect(existsSync(`${file}.lock`)).toBe(false)
  })

  it('from the future blocks no change', async () => {
    const file = join(folder, 'future')
    writeFileSync(`${file}.lock`, 'somebody')
    const ahead = new Date(Date.now() + 86_400_000)
    utimesSync(`${file}.lock`, ahead, ahead)
    expect(await whileLocked(file, () => 'done')).toBe('done')
  })

  it('that somebody holds is waited for', () => {
    const file = join(folder, 'held')
    writeFileSync(`${file}.lock`, 'somebody')
    expect(unlessLocked(file, () => {})).toBe(false)
    expect(readFileSync(`${file}.lock`, 'utf8')).toBe('somebody')
  })

  it('is not left behind where the kernel lets nothing be written', () => {
    const keys = join(folder, 'keys.yaml')
    writeFileSync(join(folder, 'torwart.yaml'), 'keys: { file: keys.yaml }\n')
    writeFileSync(keys, '')
    const script = `trap '' XFSZ; ulimit -f 0; exec "${process.execPath}" "${program}" token revoke 0123456789abcdef -c "${join(folder, 'torwart.yaml')}"`
    expect(() => execFileSync('sh', ['-c', script], { stdio: 'pipe' })).toThrow(
      /The disk is full\. Nothing was changed \(EFBIG/,
    )
    expect(existsSync(`${keys}.revoked.json.lock`)).toBe(false)
  })
})
