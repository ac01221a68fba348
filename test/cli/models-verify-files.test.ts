/** `torwart models verify --attestation` and `--oms`, and `torwart models bom`. */
import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { fileOptions, verifyFiles } from '../../src/cli/models/verify-files.ts'
import { attestationsFolder, writeAttestation } from '../../src/model-trust/attestation/store.ts'
import { writeLock } from '../../src/model-trust/lock/lock-file.ts'
import { cli, ioOf } from '../rig/cli.ts'
import { signModel } from '../rig/signed-model.ts'

const folder = mkdtempSync(join(tmpdir(), 'torwart-verify-files-'))
afterAll(() => rmSync(folder, { recursive: true }))
const at = (name: string) => join(folder, name)
const pem = (key: KeyObject) => key.export({ type: 'spki', format: 'pem' }).toString()

const own = generateKeyPairSync('ed25519')
const publisher = generateKeyPairSync('ec', { namedCurve: 'P-256' })
writeFileSync(at('own.pub'), pem(own.publicKey))
writeFileSync(at('publisher.pub'), pem(publisher.publicKey))
writeFileSync(at('empty.pub'), '')
writeFileSync(
  at('torwart.yaml'),
  `version: 1
upstreams: [{ name: local, url: "http://127.0.0.1:1", kind: ollama }]
roles: { me: { routes: [chat], models: ["*"] } }
`,
)
const run = {
  model: 'tested',
  digest: 'a'.repeat(64),
  suite: 'torwart-basic',
  suiteDigest: 'b'.repeat(64),
  planDigest: 'c'.repeat(64),
  finishedMs: Date.UTC(2026, 10, 30),
  passed: ['one'],
}
const lockFile = at('models.lock.yaml')
const lockAs = (name: string, digest: string) =>
  writeLock(lockFile, {
    models: [
      { name, kind: 'ollama', upstream: 'local', digest, parts: [], locked: '2026-11-30T00:00:00.000Z' },
    ],
  })
const attestation = writeAttestation(attestationsFolder(lockFile), run, own.privateKey)
writeFileSync(`${at('models.signing.key')}.pub`, pem(own.publicKey))

async function verify(values: Record<string, string | boolean>) {
  const { io, printed } = ioOf()
  const code = await verifyFiles({ config: at('torwart.yaml'), ...values }, io)
  return { code, out: printed.out }
}
const ofAttestation = (more: Record<string, string | boolean> = {}) =>
  verify({ attestation, key: at('own.pub'), json: true, ...more })

describe('an attestation', () => {
  it('is valid without a policy and a lock, and says that it was not compared', async () => {
    const { code, out } = await verify({ attestation, key: at('own.pub'), config: at('nowhere.yaml') })
    expect(code).toBe(0)
    expect(out).toMatch(/^valid: tested sha256:a{64} passed torwart-basic .* not compared with a lock/)
  })

  it('is compared with the lock of the policy', async () => {
    lockAs('tested', run.digest)
    expect(await ofAttestation()).toMatchObject({ code: 0 })
    lockAs('tested', 'd'.repeat(64))
    const changed = await ofAttestation()
    expect(changed.code).toBe(1)
    expect(JSON.parse(changed.out)).toMatchObject({
      ok: false,
      differences: [{ model: 'tested', kind: 'digest', was: 'd'.repeat(64), is: run.digest }],
    })
    lockAs('another', run.digest)
    expect(JSON.parse((await ofAttestation()).out)).toMatchObject({ differences: [{ kind: 'unlocked' }] })
  })

  it('is refused with the reason', async () => {
    writeFileSync(at('other.pub'), pem(generateKeyPairSync('ed25519').publicKey))
    const { code, out } = await ofAttestation({ key: at('other.pub') })
    expect(code).toBe(1)
    expect(JSON.parse(out)).toEqual({ ok: false, differences: [], reason: 'it is signed with another key' })
  })
})

describe('a signature of a publisher', () => {
  const model = at('model')
  mkdirSync(model)
  writeFileSync(join(model, 'weights.bin'), 'weights')
  writeFileSync(
    join(model, 'model.sig'),
    signModel({ files: { 'weights.bin': 'weights' }, key: publisher.privateKey }),
  )
  const ofModel = (more: Record<string, string | boolean> = {}) =>
    verify({ oms: join(model, 'model.sig'), key: at('publisher.pub'), ...more })

  it('is valid for the files beside it, or in the folder that is named', async () => {
    expect(await ofModel()).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^valid: 1 signed files in /),
    })
    expect(await ofModel({ files: model })).toMatchObject({ code: 0 })
  })

  it('names each file that differs', async () => {
    const other = at('other')
    mkdirSync(other)
    writeFileSync(join(other, 'weights.bin'), 'Weights')
    writeFileSync(join(other, 'more.bin'), 'x')
    const { code, out } = await ofModel({ files: other, json: true })
    expect(code).toBe(1)
    expect(JSON.parse(out).differences).toEqual([
      { model: 'more.bin', kind: 'unsigned', was: 'not signed', is: 'unsigned' },
      { model: 'weights.bin', kind: 'changed', was: 'signed', is: 'other bytes' },
    ])
  })

  it('names files in one line each, whatever they are called', async () => {
    const other = at('named')
    mkdirSync(other)
    writeFileSync(join(other, 'weights.bin'), 'weights')
    writeFileSync(join(other, 'a\nvalid: \u001b[2K'), 'x')
    const { out } = await ofModel({ files: other })
    expect(out.split('\n')).toHaveLength(2)
    expect(out).not.toContain('\u001b')
  })

  it('is refused with the reason', async () => {
    expect(await ofModel({ key: at('empty.pub') })).toMatchObject({
      code: 1,
      out: expect.stringMatching(/neither a public key nor a certificate/),
    })
  })
})

describe('the options', () => {
  it('are an attestation or a signature, with a key', async () => {
    expect(await verify({})).toMatchObject({ code: undefined })
    await expect(verify({ key: 'x' })).rejects.toThrow(/--attestation or --oms/)
    await expect(verify({ attestation: 'x', oms: 'y', key: 'z' })).rejects.toThrow(/not both/)
    await expect(verify({ attestation })).rejects.toThrow(/--key is missing/)
    await expect(ofAttestation({ key: at('empty.pub') })).rejects.toThrow(/no public key/)
    const nowhere = at('nowhere')
    for (const [option, more] of [
      ['key', { key: nowhere }],
      ['attestation', { attestation: nowhere }],
    ] as const)
      await expect(ofAttestation(more)).rejects.toThrow(
        `The file that --${option} names cannot be read: there is no such file.`,
      )
    await expect(verify({ oms: nowhere, key: at('own.pub') })).rejects.toThrow(/--oms names cannot be read/)
    expect(fileOptions.map(({ flags }) => flags)).toEqual([
      '--attestation <file>',
      '--oms <file>',
      '--key <file>',
    ])
  })
})

describe('torwart models bom', () => {
  it('prints the locked models with their tests, and what it leaves out', async () => {
    lockAs('tested', run.digest)
    writeFileSync(join(attestationsFolder(lockFile), 'bad.intoto.json'), '{}')
    const { code, out, err } = await cli(['models', 'bom', '-c', at('torwart.yaml')])
    expect(code).toBe(0)
    expect(JSON.parse(out)).toMatchObject({
      bomFormat: 'CycloneDX',
      specVersion: '1.6',
      components: [{ name: 'tested', modelCard: { quantitativeAnalysis: {} } }],
    })
    expect(err).toMatch(/bad\.intoto\.json is left out/)
  })

  it('says what to do if there is no lock', async () => {
    rmSync(lockFile)
    const { code, err } = await cli(['models', 'bom', '-c', at('torwart.yaml')])
    expect(code).toBe(1)
    expect(err).toMatch(/models lock/)
    expect(readFileSync(at('torwart.yaml'), 'utf8')).toContain('version: 1')
  })
})
