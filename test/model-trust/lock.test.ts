/** The lock file: written in one form, read strictly. */
import { mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { type Lock, type LockedModel, lockedAt } from '../../src/model-trust/lock/lock.ts'
import {
  formatLock,
  LockError,
  lockStateOf,
  parseLock,
  readLock,
  writeLock,
} from '../../src/model-trust/lock/lock-file.ts'
import { sha256Of } from '../../src/model-trust/parts.ts'

const folder = mkdtempSync(join(tmpdir(), 'torwart-lock-'))
afterAll(() => rmSync(folder, { recursive: true }))

const locked = '2026-12-01T00:00:00.000Z'
const model = (name: string, more: Partial<LockedModel> = {}): LockedModel => ({
  name,
  kind: 'ollama',
  upstream: 'local',
  digest: sha256Of(name),
  size: 98_363_437,
  family: 'llama',
  parameterSize: '134.52M',
  quantisation: 'Q4_1',
  parts: [
    { kind: 'weights', sha256: sha256Of('weights'), size: 98_362_432 },
    { kind: 'template', sha256: sha256Of('{{ .Prompt }}') },
  ],
  metadata: { 'general.license': 'apache-2.0' },
  locked,
  ...more,
})
const two: Lock = {
  models: [
    model('smollm2:135m', {
      accepted: { why: 'the template was mended', by: 'ada', at: locked, was: sha256Of('old') },
    }),
    model('all-minilm'),
  ],
}
const text = formatLock(two)
const faultOf = (changed: string | Uint8Array) => {
  try {
    parseLock(typeof changed === 'string' ? Buffer.from(changed) : changed)
    return undefined
  } catch (error) {
    if (!(error instanceof LockError)) throw error
    return `${error.line}: ${error.message}`
  }
}

describe('a lock file', () => {
  it('holds what was written, in an order that does not depend on who wrote it', () => {
    const file = join(folder, 'models.lock.yaml')
    writeLock(file, { models: two.models.toReversed() })
    expect(readFileSync(file, 'utf8')).toBe(text)
    expect(statSync(file).mode & 0o777).toBe(0o600)
    const read = readLock(file)
    expect(read?.models).toHaveLength(2)
    expect(read?.models).toEqual(expect.arrayContaining([...two.models]))
    expect(formatLock(read ?? { models: [] })).toBe(text)
  })

  it('that is not there is missing, and no empty one', () => {
    expect(readLock(join(folder, 'none.yaml'))).toBeUndefined()
    expect(lockStateOf(join(folder, 'none.yaml'))).toEqual({ state: 'missing' })
  })

  it('that was cut off anywhere is refused', () => {
    const end = text.trimEnd().length
    const taken: number[] = []
    for (let length = 0; length < end; length++)
      if (faultOf(text.slice(0, length)) === undefined) taken.push(length)
    expect(taken).toEqual([])
    expect(faultOf(text)).toBeUndefined()
  })

  it.each<[string, (text: string) => string, RegExp]>([
    ['a key twice', (t) => t.replace('count: 2', 'count: 2\ncount: 2'), /^4: has a key twice/],
    [
      'a key of an entry twice',
      (t) => t.replace('    upstream: local', '    upstream: local\n    upstream: other'),
      /^\d+: has a key twice/,
    ],
    ['an unknown key', (t) => t.replace('count: 2', 'count: 2\nnote: x'), /unknown `note`/],
    [
      'an unknown field',
      (t) => t.replace('    upstream: local', '    upstream: local\n    note: x'),
      /^5: an entry .*`note`/,
    ],
    ['another version', (t) => t.replace('version: 1', 'version: 2'), /version: 1/],
    [
      'an entry less',
      (t) => t.replace(/ {2}- name: smollm2[\s\S]*$/, ''),
      /says that it has 2 models, and has 1/,
    ],
    [
      'an entry twice',
      (t) => t.replace('count: 2', 'count: 3') + t.slice(t.indexOf('  - name: smollm2')),
      /`smollm2:135m` twice/,
    ],
    ['a short digest', (t) => t.replace(/digest: (\w{63})\w/, 'digest: $1'), /`digest`/],
    [
      'a digest in capitals',
      (t) => t.replace(/digest: (\w+)/, (all) => all.toUpperCase()),
      /missing or unknown/,
    ],
    [
      'another spelling of a name',
      (t) => t.replace('name: all-minilm', 'name: all-minilm:latest'),
      /canonical form/,
    ],
    ['a date that no calendar has', (t) => t.replaceAll('2026-12-01T', '2026-13-41T'), /`locked`|`accepted`/],
    [
      'an alias',
      (t) => t.replace('count: 2', 'count: &c 2').replace('version: 1', 'version: 1\nx: *c'),
      /alias|YAML/,
    ],
    ['a tag', (t) => t.replace('count: 2', 'count: !!js/function 2'), /YAML/],
    ['two documents', (t) => `${t}---\n${t}`, /YAML/],
    ['no mapping', () => '- a\n', /no mapping/],
    ['nothing in it', () => '', /no mapping/],
  ])('with %s is refused with the reason and the line', (_what, change, reason) => {
    const changed = change(text)
    expect(changed).not.toBe(text)
    expect(faultOf(changed)).toMatch(reason)
  })

  it('that is no text is refused, and one that is too large is not read', () => {
    expect(faultOf(Buffer.concat([Buffer.from(text), Buffer.from([0xff])]))).toBe('1: is not UTF-8')
    const file = join(folder, 'large.yaml')
    writeFileSync(file, '#'.repeat(9 * 1024 * 1024))
    expect(lockStateOf(file)).toMatchObject({ state: 'broken', reason: expect.stringMatching(/may have/) })
    const endless = join(folder, 'endless.yaml')
    symlinkSync('/dev/zero', endless)
    expect(lockStateOf(endless)).toMatchObject({
      state: 'broken',
      reason: expect.stringMatching(/is no file/),
    })
  })
})

describe('the entry of a model', () => {
  const served = (upstream: string, digest?: string) =>
    ({ name: 'x', kind: 'ollama', upstream, digest }) as const
  const entry = (upstream: string, digest: string) => model('x', { upstream, digest: sha256Of(digest) })

  it('is that of its server, or of another one of its kind', () => {
    const lock = { models: [entry('a', '1'), entry('b', '2')] }
    expect(lockedAt(lock, served('b', sha256Of('1')))).toBe(lock.models[1])
    expect(lockedAt(lock, served('c', sha256Of('2')))).toBe(lock.models[1])
    expect(lockedAt(lock, served('c', sha256Of('3')))).toBe(lock.models[0])
    expect(lockedAt(lock, { ...served('a'), kind: 'localai' })).toBeUndefined()
    expect(lockedAt(lock, { ...served('a'), name: 'y' })).toBeUndefined()
  })
})
