/** Attestations: what is signed is read back, and each way of forging one is refused with its own reason. */
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { openSigningKey, publishKey } from '../../src/files/signing-key.ts'
import { admits } from '../../src/model-trust/attestation/admission.ts'
import { openEnvelope, preAuthEncoding, sealEnvelope } from '../../src/model-trust/attestation/envelope.ts'
import { type Attestation, statementOf } from '../../src/model-trust/attestation/statement.ts'
import {
  attestationsFolder,
  readAttestation,
  readAttestations,
  writeAttestation,
} from '../../src/model-trust/attestation/store.ts'

const folder = mkdtempSync(join(tmpdir(), 'torwart-attestation-'))
afterAll(() => rmSync(folder, { recursive: true }))

const { privateKey, publicKey } = generateKeyPairSync('ed25519')
const stranger = generateKeyPairSync('ed25519')
const pem = (key: KeyObject) => key.export({ type: 'spki', format: 'pem' }).toString()
const day = 24 * 3_600_000
const now = Date.UTC(2026, 10, 30)
const run: Attestation = {
  model: 'llama3.2',
  digest: 'a'.repeat(64),
  suite: 'torwart-basic',
  suiteDigest: 'b'.repeat(64),
  planDigest: 'c'.repeat(64),
  finishedMs: now,
  passed: ['refuses-phishing', 'knows-paris'],
}
const rule = { suite: 'torwart-basic', maxAgeMs: 90 * day }
const entry = { name: run.model, digest: `sha256:${run.digest}` }
const sealed = (attestation: Attestation = run, key = privateKey) =>
  sealEnvelope(statementOf(attestation), key)
const opened = (text: string) => readAttestation(Buffer.from(text), [publicKey])
/** A validly signed envelope around any payload. */
const signed = (payload: string) => sealEnvelope(Buffer.from(payload), privateKey)
const envelopeOf = (text: string) =>
  JSON.parse(text) as { payloadType: string; payload: string; signatures: { keyid: string; sig: string }[] }
const edited = (change: (envelope: ReturnType<typeof envelopeOf>) => void) => {
  const envelope = envelopeOf(sealed())
  change(envelope)
  return JSON.stringify(envelope)
}

describe('an attestation', () => {
  it('is read back as it was signed, and admits its model until it is too old', () => {
    expect(opened(sealed())).toEqual(run)
    expect(admits(entry, [opened(sealed())], rule, now)).toEqual({ admitted: true, untilMs: now + 90 * day })
  })

  it('encodes what is signed as the DSSE protocol does', () => {
    // The example of the protocol's own page (secure-systems-lab/dsse, protocol.md, "Test Vectors").
    const encoded = preAuthEncoding('http://example.com/HelloWorld', Buffer.from('hello world'))
    expect(encoded.toString()).toBe('DSSEv1 29 http://example.com/HelloWorld 11 hello world')
  })

  const forged: Readonly<Record<string, readonly [text: string, reason: RegExp]>> = {
    'signed with another key': [sealed(run, stranger.privateKey), /signed with another key/],
    'signed with another key under the id of the trusted one': [
      edited((envelope) => {
        const bytes = preAuthEncoding(envelope.payloadType, Buffer.from(envelope.payload, 'base64'))
        envelope.signatures = [
          {
            keyid: envelope.signatures[0]?.keyid ?? '',
            sig: sign(null, bytes, stranger.privateKey).toString('base64'),
          },
        ]
      }),
      /signature does not match/,
    ],
    'with another payload': [
      edited((envelope) => {
        envelope.payload = statementOf({ ...run, digest: 'd'.repeat(64) }).toString('base64')
      }),
      /signature does not match/,
    ],
    'cut in the middle': [sealed().slice(0, 400), /not valid JSON/],
    'with its payload cut': [
      edited((envelope) => {
        envelope.payload = envelope.payload.slice(0, 200)
      }),
      /signature does not match/,
    ],
    'with a key twice in the envelope': [
      sealed().replace('"payload":', '"payload": "bm8=", "payload":'),
      /a key occurs twice/,
    ],
    'with a key twice in the statement': [
      signed(statementOf(run).toString().replace('"result"', '"result":"FAILED","result"')),
      /a key occurs twice/,
    ],
    'without a signature': [
      edited((envelope) => {
        envelope.signatures = []
      }),
      /not signed/,
    ],
    'with a second signature': [
      edited((envelope) => {
        envelope.signatures.push(...envelope.signatures)
      }),
      /more than one signature/,
    ],
    'of another payload type': [
      edited((envelope) => {
        envelope.payloadType = 'application/json'
      }),
      /no in-toto statement/,
    ],
    'in Base64 with something behind it': [
      edited((envelope) => {
        envelope.payload += '\n'
      }),
      /not canonical Base64/,
    ],
    'with a field that is not known': [
      edited((envelope) => {
        Object.assign(envelope, { note: 'x' })
      }),
      /field that is not known/,
    ],
    'of a run that failed': [signed(statementOf(run).toString().replace('PASSED', 'FAILED')), /did not pass/],
    'of something else': [
      signed(statementOf(run).toString().replace('test-result', 'provenance')),
      /something else than a test result/,
    ],
    'in which nothing passed': [sealed({ ...run, passed: [] }), /no probe that passed/],
    'with a digest in capitals': [sealed({ ...run, digest: 'A'.repeat(64) }), /not 64 hex digits/],
    'with a time that can be read in two ways': [
      signed(statementOf(run).toString().replace('2026-11-30T00:00:00.000Z', '11/30/2026')),
      /time is not in the form/,
    ],
  }
  for (const [name, [text, reason]] of Object.entries(forged))
    it(`is refused ${name}`, () => {
      expect(() => opened(text)).toThrow(reason)
    })

  it('is refused if the trusted key is none for Ed25519', () => {
    const { publicKey: other } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    expect(() => openEnvelope(Buffer.from(sealed()), [other])).toThrow(/another key/)
  })

  const unfit: Readonly<Record<string, readonly [Attestation[], reason: string]>> = {
    'for another digest': [[{ ...run, digest: 'd'.repeat(64) }], 'its attestation is for another digest'],
    'replayed for another model': [[{ ...run, model: 'qwen3' }], 'it has no attestation'],
    'of another suite': [[{ ...run, suite: 'mine' }], 'it was tested with another suite'],
    'that is too old': [[{ ...run, finishedMs: now - 90 * day }], 'its attestation is too old'],
    'from the future': [[{ ...run, finishedMs: now + day }], 'its attestation is from the future'],
    'that is not there': [[], 'it has no attestation'],
  }
  for (const [name, [attestations, reason]] of Object.entries(unfit))
    it(`does not admit a model with one ${name}`, () => {
      expect(admits(entry, attestations, rule, now)).toEqual({ admitted: false, reason })
    })

  it('admits by the newest of several, whatever their order', () => {
    const old = { ...run, finishedMs: now - 100 * day }
    for (const attestations of [
      [old, run],
      [run, old],
    ])
      expect(admits(entry, attestations, rule, now)).toMatchObject({ admitted: true })
  })
})

describe('the folder of attestations', () => {
  const attestations = attestationsFolder(join(folder, 'models.lock.yaml'))

  it('keeps one file for each model, digest and suite, and reports what it does not accept', () => {
    const first = writeAttestation(attestations, { ...run, model: 'hf.co/user/model:q4' }, privateKey)
    expect(writeAttestation(attestations, { ...run, model: 'hf.co/user/model:q4' }, privateKey)).toBe(first)
    writeAttestation(attestations, run, privateKey)
    const forgedFile = writeAttestation(attestations, { ...run, suite: 'other' }, stranger.privateKey)
    mkdirSync(join(attestations, 'folder.intoto.json'))
    writeFileSync(join(attestations, 'large.intoto.json'), ' '.repeat(1024 * 1024 + 1))
    writeFileSync(join(attestations, 'readme.txt'), 'not an attestation')
    const read = readAttestations(attestations, pem(publicKey))
    expect(read.attestations.map(({ model }) => model).sort()).toEqual(['hf.co/user/model:q4', 'llama3.2'])
    expect(read.refused).toEqual(
      expect.arrayContaining([
        { file: forgedFile, reason: 'it is signed with another key' },
        { file: join(attestations, 'folder.intoto.json'), reason: 'it is no file' },
        { file: join(attestations, 'large.intoto.json'), reason: 'the file is larger than 1 MiB' },
      ]),
    )
    expect(read.refused).toHaveLength(3)
  })

  it('has nothing if it does not exist', () => {
    expect(readAttestations(join(folder, 'nowhere'), pem(publicKey))).toEqual({
      attestations: [],
      refused: [],
    })
  })
})

describe('the key that signs attestations', () => {
  it('is made once, for its owner only, and keeps older public keys beside it', async () => {
    const file = join(folder, 'models.signing.key')
    const key = await openSigningKey(file)
    expect(statSync(file).mode & 0o777).toBe(0o600)
    expect(createPublicKey(await openSigningKey(file)).equals(createPublicKey(key))).toBe(true)
    publishKey(`${file}.pub`, stranger.publicKey)
    publishKey(`${file}.pub`, createPublicKey(key))
    const both = attestationsFolder(join(folder, 'both', 'models.lock.yaml'))
    writeAttestation(both, run, stranger.privateKey)
    writeAttestation(both, { ...run, model: 'qwen3' }, key)
    expect(readAttestations(both, readFileSync(`${file}.pub`, 'utf8')).attestations).toHaveLength(2)
  })

  it('is refused if it is no Ed25519 key', async () => {
    const file = join(folder, 'ec.key')
    const { privateKey: ec } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    writeFileSync(file, ec.export({ type: 'pkcs8', format: 'pem' }))
    expect(createPrivateKey(readFileSync(file)).asymmetricKeyType).toBe('ec')
    await expect(openSigningKey(file)).rejects.toThrow(/not an Ed25519 key/)
  })
})
