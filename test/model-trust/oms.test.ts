/**
 * OpenSSF Model Signing v1.0. The cases are those of the published conformance suite (ossf/model-signing-spec,
 * conformance/TEST_CASES.md) that need no transparency log, with keys and models made here.
 */
import { execFileSync } from 'node:child_process'
import { createHash, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readManifest } from '../../src/model-trust/oms/bundle.ts'
import { compareFiles } from '../../src/model-trust/oms/files.ts'
import { verifyBundle } from '../../src/model-trust/oms/verify.ts'
import { type Authority, createAuthority, type Leaf } from '../rig/certificates.ts'
import { type SignedModel, signModel } from '../rig/signed-model.ts'

const folder = mkdtempSync(join(tmpdir(), 'torwart-oms-'))
afterAll(() => rmSync(folder, { recursive: true }))

const pairs = Object.fromEntries(
  ['P-256', 'P-384', 'P-521'].map((namedCurve) => [namedCurve, generateKeyPairSync('ec', { namedCurve })]),
)
const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const pem = (key: KeyObject) => key.export({ type: 'spki', format: 'pem' }).toString()
const files = { 'config.json': '{}', 'deep/weights.bin': 'some weights' }
// Behind the certificates, which are made a moment later and begin then.
const now = Date.now() + 60_000
const check = (text: string, trusted = pem(publicKey), nowMs = now) =>
  verifyBundle(Buffer.from(text), trusted, nowMs)
const signedText = (more: Partial<SignedModel> = {}) => signModel({ files, key: privateKey, ...more })

let count = 0
function onDisk(model: Readonly<Record<string, string>> = files): string {
  const root = join(folder, `model-${count++}`)
  for (const [name, text] of Object.entries(model)) {
    mkdirSync(dirname(join(root, name)), { recursive: true })
    writeFileSync(join(root, name), text)
  }
  return root
}
const compare = (root: string, more: Partial<SignedModel> = {}) =>
  compareFiles(root, check(signedText(more)), join(root, 'model.sig'))

describe('a signature with a key', () => {
  for (const [curve, pair] of Object.entries(pairs))
    it(`is verified on ${curve}`, () => {
      const text = signModel({ files, key: pair.privateKey })
      expect(check(text, pem(pair.publicKey)).resources.map(({ name }) => name)).toEqual(Object.keys(files))
    })

  it('is verified without a hint, as older bundles have it', () => {
    const text = signedText({
      bundle: (bundle) => {
        bundle.verificationMaterial = { publicKey: { rawBytes: 'AA==', keyDetails: 'x' } }
      },
    })
    expect(check(text).resources).toHaveLength(2)
  })

  it('has the root digest of the published test vector', () => {
    // OMS v1.0, test-vectors/v1.0/valid/key.bundle.json: the digests of its two files and of its subject.
    const digests = [
      'bc9a717db6064a32cbe9eae6fc40651dd6d36ef1757183f590eff2b1765d7ebc',
      '32dcb1f8e1ae52d5963e56a6ba06ab58b424c15ed2a6b70d2feca1d089370028',
    ]
    const statement = (sha256: string) =>
      Buffer.from(
        JSON.stringify({
          _type: 'https://in-toto.io/Statement/v1',
          subject: [{ name: 'my-model', digest: { sha256 } }],
          predicateType: 'https://model_signing/signature/v1.0',
          predicate: {
            resources: digests.map((digest, at) => ({ name: `file-${at}`, digest, algorithm: 'sha256' })),
            serialization: { method: 'files', hash_type: 'sha256', allow_symlinks: false },
          },
        }),
      )
    const root = '92745110b1ab4368471cbe31664e10174e954b113a3df333db860317b2c6dec4'
    expect(readManifest(statement(root)).resources).toHaveLength(2)
    expect(() => readManifest(statement('0'.repeat(64)))).toThrow(/digest of the subject/)
  })

  const changed = (name: string, value: unknown) => ({
    statement: (statement: Record<string, unknown>) => {
      statement[name] = value
    },
  })
  const inBundle = (name: string, value: unknown) => ({
    bundle: (bundle: Record<string, unknown>) => {
      bundle[name] = value
    },
  })
  const predicate = (change: (predicate: { resources: Record<string, string>[] }) => void) => ({
    statement: (statement: Record<string, unknown>) => {
      change(statement.predicate as { resources: Record<string, string>[] })
    },
  })
  const refused: Readonly<Record<string, readonly [string, RegExp]>> = {
    'of another key': [signModel({ files, key: pairs['P-256']?.privateKey ?? privateKey }), /another key/],
    'of another key under the hint of the trusted one': [
      signModel({
        files,
        key: pairs['P-256']?.privateKey ?? privateKey,
        ...inBundle('verificationMaterial', {
          publicKey: { hint: createHash('sha256').update(pem(publicKey)).digest('hex') },
        }),
      }),
      /does not match the content/,
    ],
    'that was cut': [signedText().slice(0, 300), /not valid JSON/],
    'with a key twice': [signedText().replace('{', '{"mediaType":"x",'), /a key occurs twice/],
    'of another media type': [signedText(inBundle('mediaType', 'application/json')), /no Sigstore bundle/],
    'without an envelope': [signedText(inBundle('dsseEnvelope', undefined)), /dsseEnvelope/],
    'of Sigstore': [
      signedText(inBundle('verificationMaterial', { certificate: { rawBytes: 'AA==' } })),
      /transparency log/,
    ],
    'of no known kind': [signedText(inBundle('verificationMaterial', {})), /one way of signing/],
    'of another statement': [
      signedText(changed('_type', 'https://in-toto.io/Statement/v0.1')),
      /Statement v1/,
    ],
    'of another predicate': [
      signedText(changed('predicateType', 'https://slsa.dev/provenance/v1')),
      /Model Signing v1\.0/,
    ],
    'over no file': [signModel({ files: {}, key: privateKey }), /lists no file/],
    'over a path that leads out': [
      signModel({ files: { '../weights.bin': 'x' }, key: privateKey }),
      /leads out of the folder/,
    ],
    'over an absolute path': [signModel({ files: { '/weights.bin': 'x' }, key: privateKey }), /leads out/],
    'over one file twice': [
      signedText(predicate(({ resources }) => resources.push({ ...resources[0] }))),
      /lists a file twice/,
    ],
    'over a file of another hash': [
      signedText(
        predicate(({ resources }) => {
          Object.assign(resources[0] ?? {}, { algorithm: 'md5' })
        }),
      ),
      /another function/,
    ],
  }
  for (const [name, [text, reason]] of Object.entries(refused))
    it(`is refused ${name}`, () => {
      expect(() => check(text)).toThrow(reason)
    })

  it('is refused with a key on another curve or of another kind', () => {
    const { publicKey: other } = generateKeyPairSync('ed25519')
    const bare = signedText(inBundle('verificationMaterial', { publicKey: {} }))
    expect(() => check(bare, pem(other))).toThrow(/curve/)
  })
})

describe('a signature with a certificate', () => {
  let authority: Authority
  let leaf: Leaf
  const until = (name: string) => () => signModel({ files, key: leaf.key, chain: [leaf.cert, name] })
  beforeAll(() => {
    authority = createAuthority()
    leaf = authority.issue({ subject: '/CN=signer', usage: 'codeSigning' })
  })
  afterAll(() => authority.close())

  it('is verified up to the authority, with or without it in the bundle, or with the certificate itself', () => {
    const text = signModel({ files, key: leaf.key, chain: [leaf.cert] })
    expect(check(text, authority.cert).resources).toHaveLength(2)
    expect(check(until(authority.cert)(), authority.cert).resources).toHaveLength(2)
    expect(check(text, leaf.cert).resources).toHaveLength(2)
  })

  it('is verified through an intermediate authority, unless that may not issue', () => {
    for (const [constraints, root, fault] of [
      ['CA:true', authority, undefined],
      ['CA:false', authority, /may not issue|do not lead/],
    ] as const) {
      const middle = root.issue({ subject: '/CN=middle', constraints, keyUsage: 'keyCertSign' })
      const signer = issueBelow(middle, 'digitalSignature')
      const text = signModel({ files, key: signer.key, chain: [signer.cert, middle.cert] })
      if (fault) expect(() => check(text, root.cert)).toThrow(fault)
      else expect(check(text, root.cert).resources).toHaveLength(2)
    }
  })

  it('is refused below an authority that may have none below it', () => {
    const first = authority.issue({
      subject: '/CN=first',
      constraints: 'CA:true, pathlen:0',
      keyUsage: 'keyCertSign',
    })
    const second = issueBelow(first, 'keyCertSign', 'CA:true')
    const signer = issueBelow(second, 'digitalSignature')
    const text = signModel({ files, key: signer.key, chain: [signer.cert, second.cert, first.cert] })
    expect(() => check(text, authority.cert)).toThrow(/may not issue it/)
  })

  it('is refused if another authority is trusted', () => {
    const other = createAuthority('Other CA')
    expect(() => check(until(authority.cert)(), other.cert)).toThrow(/do not lead/)
    other.close()
  })

  it('is refused after the certificate has expired and before it is valid', () => {
    const text = until(authority.cert)()
    expect(() => check(text, authority.cert, now + 40 * 86_400_000)).toThrow(/has expired/)
    expect(() => check(text, authority.cert, now - 40 * 86_400_000)).toThrow(/not valid yet/)
  })

  it('is refused if the certificate is not for signatures', () => {
    const signer = authority.issue({ keyUsage: 'keyEncipherment', usage: 'serverAuth' })
    const text = signModel({ files, key: signer.key, chain: [signer.cert] })
    expect(() => check(text, authority.cert)).toThrow(/not for signatures/)
  })

  it('asks for a certificate, and for a key where a key signed', () => {
    expect(() => check(until(authority.cert)())).toThrow(/name one, and not a key/)
    expect(() => check(signedText(), authority.cert)).toThrow(/name one, and not a certificate/)
  })

  /** Issues a certificate below an intermediate authority. */
  function issueBelow({ certFile, keyFile }: Leaf, keyUsage: string, constraints = 'CA:false') {
    const at = (name: string) => join(folder, name)
    const stem = `below-${count++}`
    writeFileSync(
      at(`${stem}.cnf`),
      `basicConstraints=critical,${constraints}\nkeyUsage=critical,${keyUsage}\n`,
    )
    const openssl = (...words: string[]) => execFileSync('openssl', words, { cwd: folder, stdio: 'pipe' })
    openssl('genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-384', '-out', `${stem}.key`)
    openssl('req', '-new', '-key', `${stem}.key`, '-subj', `/CN=${stem}`, '-out', `${stem}.csr`)
    openssl(
      ...['x509', '-req', '-in', `${stem}.csr`, '-CA', certFile, '-CAkey', keyFile, '-CAcreateserial'],
      ...['-out', `${stem}.pem`, '-extfile', `${stem}.cnf`, '-days', '30'],
    )
    const [certPath, keyPath] = [at(`${stem}.pem`), at(`${stem}.key`)]
    return {
      certFile: certPath,
      keyFile: keyPath,
      cert: readFileSync(certPath, 'utf8'),
      key: readFileSync(keyPath, 'utf8'),
    }
  }
})

describe('the files of a signed model', () => {
  it('are all there and unchanged, beside the signature and what the specification leaves out', async () => {
    const root = onDisk({ ...files, 'model.sig': '{}', '.git/config': 'x', '.gitignore': 'x' })
    expect(await compare(root)).toEqual([])
  })

  it('differ by a byte, a file less or a file more', async () => {
    const { 'config.json': _, ...less } = files
    expect(await compare(onDisk({ ...files, 'deep/weights.bin': 'some weightz' }))).toEqual([
      { file: 'deep/weights.bin', kind: 'changed' },
    ])
    expect(await compare(onDisk(less))).toEqual([{ file: 'config.json', kind: 'missing' }])
    expect(await compare(onDisk({ ...files, 'deep/.gitignore': 'x' }))).toEqual([
      { file: 'deep/.gitignore', kind: 'unsigned' },
    ])
  })

  it('are compared piece by piece if they were signed so, also with colons in a name', async () => {
    const model = { 'a:1:2': 'x'.repeat(25), empty: '' }
    const signed = { files: model, shardSize: 10 }
    expect(await compare(onDisk(model), signed)).toEqual([])
    const longer = { ...model, 'a:1:2': 'x'.repeat(26) }
    expect(await compare(onDisk(longer), signed)).toEqual([
      { file: 'a:1:2:20:26', kind: 'unsigned' },
      { file: 'a:1:2:20:25', kind: 'missing' },
    ])
  })

  it('are hashed with BLAKE2b if they were signed so', async () => {
    expect(await compare(onDisk(), { hash: 'blake2b' })).toEqual([])
  })

  it('may be one file, whatever it is called now', async () => {
    for (const name of ['model.gguf', '.']) {
      const signed = { files: { [name]: 'weights' } }
      expect(await compare(join(onDisk({ renamed: 'weights' }), 'renamed'), signed)).toEqual([])
      expect(await compare(join(onDisk({ renamed: 'weightz' }), 'renamed'), signed)).toHaveLength(1)
    }
  })

  it('may leave out what the signature names, and nothing else', async () => {
    const root = onDisk({ ...files, 'cache/a': 'x' })
    expect(await compare(root, { ignored: ['cache'] })).toEqual([])
    expect(await compare(root, { ignored: ['../cache', 'ache'] })).toHaveLength(1)
  })

  it('are links only if the signature allows them, and never out of the folder', async () => {
    const root = onDisk({ ...files, 'real.bin': 'x' })
    const signed = { files: { ...files, 'real.bin': 'x', 'link.bin': 'x' } }
    symlinkSync('real.bin', join(root, 'link.bin'))
    await expect(compare(root, signed)).rejects.toThrow(/holds a link/)
    expect(await compare(root, { ...signed, allowsLinks: true })).toEqual([])
    rmSync(join(root, 'link.bin'))
    symlinkSync('/etc/hostname', join(root, 'link.bin'))
    await expect(compare(root, { ...signed, allowsLinks: true })).rejects.toThrow(/leads out/)
  })
})
