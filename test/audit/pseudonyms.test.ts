import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createPseudonyms } from '../../src/audit/erase/pseudonyms.ts'
import { createMasker, findSensitive } from '../../src/detect/sensitive/mask.ts'

let folder: string
let log: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'torwart-pseudonyms-'))
  log = join(folder, 'audit.jsonl')
})
afterEach(() => rmSync(folder, { recursive: true }))

describe('pseudonyms', () => {
  it('are the same in two records and after a restart, and others with another key', () => {
    const mask = (text: string) => createMasker(findSensitive, createPseudonyms(log)).mask(text)
    const [first] = mask('a@x.org wrote').split(' ')
    expect(first).toMatch(/^<email:k[a-z2-7]{12}>$/)
    expect(mask('to a@x.org').split(' ')[1]).toBe(first)
    expect(mask('to b@x.org').split(' ')[1]).not.toBe(first)
    rmSync(`${log}.pseudonyms`)
    expect(mask('a@x.org wrote').split(' ')[0]).not.toBe(first)
  })

  it('make their key when it is needed, readable to nobody else', () => {
    const name = createPseudonyms(log)
    expect(existsSync(`${log}.pseudonyms`)).toBe(false)
    name('email', 'a@x.org')
    expect(statSync(`${log}.pseudonyms`).mode & 0o777).toBe(0o600)
    expect(readFileSync(`${log}.pseudonyms`, 'utf8')).toMatch(/^[0-9a-f]{64}\n$/)
  })

  it('refuse a key that is none, instead of beginning with another one', () => {
    writeFileSync(`${log}.pseudonyms`, '')
    expect(() => createPseudonyms(log)('email', 'a@x.org')).toThrow('holds no key')
  })

  it('are left alone by whoever masks again', () => {
    const masker = createMasker(findSensitive, createPseudonyms(log))
    const once = masker.mask('key: sk_live_4eC39HqLyjWD4eC39HqLyjWD, password: Tr0ub4dor-3x, a@x.org')
    expect(createMasker().mask(once)).toBe(once)
  })
})
