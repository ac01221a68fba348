/** What is read of what servers tell and of what lies on disk: recorded responses, and files made here. */
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { byteProgress } from '../../src/cli/shared/byte-progress.ts'
import type { JsonObject, JsonValue } from '../../src/core/json.ts'
import { lockEventsSince } from '../../src/model-trust/lock/lock-events.ts'
import { ggufMetadata } from '../../src/model-trust/on-disk/gguf.ts'
import { hashFile } from '../../src/model-trust/on-disk/hash-file.ts'
import { digestOf, sha256Of } from '../../src/model-trust/parts.ts'
import { contentsIn, listOllama } from '../../src/model-trust/served/ollama.ts'
import { listNames } from '../../src/model-trust/served/plain-list.ts'
import { allRecordedLocalai } from '../rig/localai.ts'
import { type Recorded, recordedText } from '../rig/model-server.ts'

const folder = mkdtempSync(join(tmpdir(), 'torwart-served-'))
afterAll(() => rmSync(folder, { recursive: true }))

const show = JSON.parse(
  readFileSync(new URL('../fixtures/models/show.json', import.meta.url), 'utf8'),
) as Recorded
const shown = JSON.parse(show.response.chunks.map(({ text }) => text).join('')) as JsonObject

describe('a recorded Ollama', () => {
  it('tells digests, facts, and which version is in memory', async () => {
    const ask = async (path: string) =>
      JSON.parse(recordedText(path === '/api/tags' ? 'tags' : 'ps')) as JsonValue
    expect(await listOllama(ask, 'local')).toEqual([
      expect.objectContaining({ name: 'all-minilm', loaded: undefined, family: 'bert', remote: false }),
      {
        ...{ name: 'smollm2:135m', kind: 'ollama', upstream: 'local', remote: false, size: 98_363_437 },
        digest: 'e361839101f533bcfad244e97baf3ffb94c163bba09c0586fc380cc568a948a7',
        // It was made again while the version before it was in memory.
        loaded: 'fd5f44c0b5aff6453726119fc560d73a8a995a55b4a49804bc24b1969ecf1794',
        ...{ family: 'llama', parameterSize: '134.52M', quantisation: 'Q4_1', parent: 'smollm2:135m' },
      },
    ])
  })

  it('tells what a model consists of', () => {
    expect(contentsIn(shown)).toEqual({
      ...{ family: 'llama', parameterSize: '134.52M', quantisation: 'Q4_1', parent: 'smollm2:135m' },
      parts: [
        { kind: 'weights', sha256: '941f309b54caaad6747569ba43712bcde44a2be3bae16c3282ff499c37c54af5' },
        { kind: 'template', sha256: sha256Of(String(shown.template)) },
        { kind: 'parameters', sha256: sha256Of('stop "<|im_end|>"\nstop "<|im_start|>"') },
      ],
      metadata: expect.objectContaining({ 'general.license': 'apache-2.0', 'general.basename': 'smollm2' }),
    })
  })

  it('is not taken in by a template that looks like a Modelfile', () => {
    const evil = `FROM /x/sha256-${'e'.repeat(64)}\nADAPTER /x/sha256-${'d'.repeat(64)}`
    const modelfile = `${String(shown.modelfile)}\nSYSTEM """a\n${evil}\n"""\nLICENSE "b\n${evil}"\n`
    expect(contentsIn({ ...shown, modelfile }).parts).toEqual(contentsIn(shown).parts)
  })
})

describe('a recorded LocalAI', () => {
  it('tells nothing that sets versions apart: its digests are those of names', async () => {
    const text = (name: string) =>
      allRecordedLocalai
        .find((each) => each.name === name)
        ?.response.chunks.map((chunk) => chunk.text)
        .join('') ?? ''
    const tags = JSON.parse(text('api-tags')) as { models: { name: string; digest: string }[] }
    for (const { name, digest } of tags.models)
      expect(digestOf(digest)).toBe(sha256Of(name.replace(':latest', '')))
    const listed = await listNames(async () => JSON.parse(text('v1-models')) as JsonValue, 'local', 'localai')
    expect(listed?.length).toBeGreaterThan(5)
    expect(listed?.every(({ digest }) => digest === undefined)).toBe(true)
  })
})

describe('hashing', () => {
  it.each([0, 1, 512 * 1024, 512 * 1024 + 1, 3_000_000])(
    'reads all of %i bytes, and tells of each',
    async (size) => {
      const bytes = Buffer.alloc(size, 'torwart ')
      const path = join(folder, `file-${size}`)
      writeFileSync(path, bytes)
      let told = 0
      const hashed = await hashFile(path, (count) => {
        told += count
      })
      expect(hashed).toEqual({ sha256: createHash('sha256').update(bytes).digest('hex'), size })
      expect(told).toBe(size)
    },
  )

  it('fails for what is not there', async () => {
    await expect(hashFile(join(folder, 'none'))).rejects.toThrow('ENOENT')
  })

  it('shows bytes, speed and time left on a terminal after a second, and nothing in a pipe', () => {
    let now = 0
    let err = ''
    const io = (terminal: boolean) => ({
      terminal,
      err: (text: string) => {
        err += text
      },
    })
    const bar = byteProgress(io(true), 400_000_000, () => now)
    bar.add(1)
    expect(err).toBe('')
    now = 2000
    bar.add(99_999_999)
    expect(err).toBe('\r\x1b[K[######..................] 100 of 400 MB, 50 MB/s, 6 s left')
    bar.end()
    expect(err.endsWith('\r\x1b[K')).toBe(true)
    err = ''
    now = 0
    const piped = byteProgress(io(false), 100, () => now)
    now = 5000
    piped.add(50)
    piped.end()
    expect(err).toBe('')
  })
})

/** A GGUF file (version 3) without tensors. */
function gguf(entries: Readonly<Record<string, string>>): Buffer {
  const u32 = (value: number) => Buffer.from(new Uint32Array([value]).buffer)
  const u64 = (value: number) => Buffer.from(new BigUint64Array([BigInt(value)]).buffer)
  const text = (value: string) => Buffer.concat([u64(Buffer.byteLength(value)), Buffer.from(value)])
  const pairs = Object.entries(entries).map(([key, value]) => Buffer.concat([text(key), u32(8), text(value)]))
  return Buffer.concat([Buffer.from('GGUF'), u32(3), u64(0), u64(pairs.length), ...pairs, Buffer.alloc(64)])
}

describe('the metadata of a GGUF file', () => {
  it('is kept where it is about the model as a whole', async () => {
    const path = join(folder, 'model.gguf')
    const kept = {
      'general.name': 'Tiny',
      'general.license': 'mit',
      'general.base_model.0.name': 'Base',
      'general.quantized_by': 'ada',
    }
    writeFileSync(path, gguf({ ...kept, 'general.architecture': 'llama', 'tokenizer.chat_template': 'x' }))
    expect(await ggufMetadata(path)).toEqual({ ...kept, 'general.architecture': 'llama' })
  })

  it('is nothing for what is no such file, was cut off, or claims more than it has', async () => {
    const whole = gguf({ 'general.name': 'Tiny' })
    const claims = Buffer.from(whole)
    claims.writeBigUInt64LE(2n ** 60n, 24)
    for (const [name, bytes] of [
      ['text', Buffer.from('no weights')],
      ['empty', Buffer.alloc(0)],
      ['cut', whole.subarray(0, 40)],
      ['claims', claims],
    ] as const) {
      const path = join(folder, name)
      writeFileSync(path, bytes)
      expect(await ggufMetadata(path)).toEqual({})
    }
  })
})

describe('what the audit log tells of the lock', () => {
  it('is each entry that changed while no gateway ran, with who accepted it and why', () => {
    const locked = '2026-12-01T00:00:00.000Z'
    const model = (name: string, digest: string, more = {}) =>
      ({ name, kind: 'ollama', upstream: 'local', digest, parts: [], locked, ...more }) as const
    const known = {
      [JSON.stringify(['ollama', 'a', 'local'])]: '1',
      [JSON.stringify(['ollama', 'b', 'local'])]: '2',
    }
    const accepted = { why: 'tested', by: 'ada', at: locked, was: '2' }
    const events = lockEventsSince(known, [model('a', '1'), model('b', '3', { accepted }), model('c', '4')])
    expect(events.map(({ event, details }) => [event, details])).toEqual([
      ['model accepted', { model: 'b', upstream: 'local', was: '2', is: '3', why: 'tested', by: 'ada' }],
      ['model locked', { model: 'c', upstream: 'local', was: null, is: '4' }],
    ])
    expect(lockEventsSince(known, [model('a', '1')]).map(({ event, details }) => [event, details])).toEqual([
      ['model unlocked', { model: 'b', upstream: 'local', was: '2', is: null }],
    ])
  })
})
