/**
 * OpenSSF Model Signing (OMS) v1.0 bundles: a Sigstore bundle around a DSSE envelope around an in-toto statement that lists
 * a model's files with their digests. Written by whoever publishes a model, so fields that are not known are left alone, as
 * the specification says (https://github.com/ossf/model-signing-spec, spec/v1.0.md); a key twice is refused all the same.
 */
import { createHash } from 'node:crypto'
import { isObject, type JsonObject, type JsonValue } from '../../core/json.ts'
import { preAuthEncoding, statementKind, statementType } from '../attestation/envelope.ts'
import { AttestationFault } from '../attestation/fault.ts'
import { asObject, asObjects, asText, base64Bytes, readObject } from '../attestation/strict.ts'

/** How the bundle says that it was signed. */
export type Material =
  | { readonly kind: 'key'; readonly hint: string | undefined }
  | { readonly kind: 'certificate'; readonly chain: readonly Buffer[] }

/** A bundle before its signature has been verified. */
export interface Bundle {
  readonly material: Material
  /** What the signature covers. */
  readonly signed: Buffer
  readonly signature: Buffer
  /** The statement, which must not be read before the signature has been verified. */
  readonly payload: Buffer
}

/** One file, or one piece of a file, of the signed model. */
export interface Resource {
  /** Path below the model's folder, with `/`; of a piece: `PATH:START:END` in bytes. */
  readonly name: string
  readonly digest: string
}

/** What was signed. */
export interface Manifest {
  readonly resources: readonly Resource[]
  readonly hash: 'sha256' | 'blake2b'
  /** Bytes of a piece; undefined: files are hashed whole. */
  readonly shardSize: number | undefined
  readonly allowsLinks: boolean
  /** Paths below the folder that were left out. */
  readonly ignored: readonly string[]
}

const mediaTypes = new Set([
  'application/vnd.dev.sigstore.bundle.v0.3+json',
  'application/vnd.dev.sigstore.bundle+json;version=0.3',
])
const predicateKind = 'https://model_signing/signature/v1.0'
const digestForms = { sha256: /^[0-9a-f]{64}$/, blake2b: /^[0-9a-f]{128}$/ }
const maxCertificates = 16

/** Reads a bundle. @throws AttestationFault */
export function readBundle(bytes: Uint8Array): Bundle {
  const bundle = readObject(bytes, 'the bundle')
  if (!mediaTypes.has(asText(bundle.mediaType, 'mediaType')))
    throw new AttestationFault('it is no Sigstore bundle of version 0.3')
  const envelope = asObject(bundle.dsseEnvelope, 'dsseEnvelope')
  if (asText(envelope.payloadType, 'payloadType') !== statementType)
    throw new AttestationFault('the envelope holds no in-toto statement')
  const payload = base64Bytes(asText(envelope.payload, 'payload'), 'payload')
  const [signature, ...more] = asObjects(envelope.signatures, 'signatures')
  if (signature === undefined) throw new AttestationFault('the envelope is not signed')
  if (more.length > 0) throw new AttestationFault('the envelope has more than one signature')
  return {
    material: materialIn(asObject(bundle.verificationMaterial, 'verificationMaterial')),
    signed: preAuthEncoding(statementType, payload),
    signature: base64Bytes(asText(signature.sig, 'sig'), 'sig'),
    payload,
  }
}

function materialIn(material: JsonObject): Material {
  const { publicKey, x509CertificateChain: chain, certificate } = material
  if ([publicKey, chain, certificate].filter((each) => each !== undefined).length !== 1)
    throw new AttestationFault('verificationMaterial must name one way of signing')
  if (certificate !== undefined)
    throw new AttestationFault(
      'it was signed without a key (Sigstore); that needs a transparency log, and is not supported',
    )
  if (isObject(publicKey)) {
    const hint = publicKey.hint === undefined ? undefined : asText(publicKey.hint, 'hint')
    return { kind: 'key', hint: hint === '' ? undefined : hint }
  }
  const certificates = asObjects(asObject(chain, 'x509CertificateChain').certificates, 'certificates')
  if (certificates.length === 0 || certificates.length > maxCertificates)
    throw new AttestationFault(`it must have 1 to ${maxCertificates} certificates`)
  const bytes = certificates.map(({ rawBytes }) =>
    base64Bytes(asText(rawBytes, 'a certificate'), 'a certificate'),
  )
  return { kind: 'certificate', chain: bytes }
}

/** Reads the statement of a verified bundle. @throws AttestationFault */
export function readManifest(payload: Uint8Array): Manifest {
  const statement = readObject(payload, 'the statement')
  if (statement._type !== statementKind) throw new AttestationFault('it is no in-toto Statement v1')
  if (statement.predicateType !== predicateKind)
    throw new AttestationFault('it is no statement of OpenSSF Model Signing v1.0')
  const predicate = asObject(statement.predicate, 'the predicate')
  const serialization = asObject(predicate.serialization, 'serialization')
  const hash = serialization.hash_type
  if (hash !== 'sha256' && hash !== 'blake2b')
    throw new AttestationFault('its files are hashed with a function that is not supported')
  const resources = asObjects(predicate.resources, 'resources').map((each) => resourceIn(each, hash))
  if (resources.length === 0) throw new AttestationFault('it lists no file')
  if (new Set(resources.map(({ name }) => name)).size !== resources.length)
    throw new AttestationFault('it lists a file twice')
  requireRoot(statement.subject, resources)
  return {
    resources,
    hash,
    shardSize: shardSizeIn(serialization),
    allowsLinks: serialization.allow_symlinks === true,
    ignored: pathsIn(serialization.ignore_paths),
  }
}

function resourceIn(resource: JsonObject, hash: 'sha256' | 'blake2b'): Resource {
  const name = asText(resource.name, 'the name of a file')
  const digest = asText(resource.digest, 'the digest of a file')
  if (resource.algorithm !== hash) throw new AttestationFault('a file is hashed with another function')
  if (!digestForms[hash].test(digest)) throw new AttestationFault('a digest has the wrong form')
  if (!isRelative(name)) throw new AttestationFault('the path of a file leads out of the folder')
  return { name, digest }
}

/** The one subject is the SHA-256 over the digests of all files, in their order (section 6.5.1). */
function requireRoot(subjects: JsonValue | undefined, resources: readonly Resource[]): void {
  const [subject, ...more] = asObjects(subjects, 'subject')
  if (subject === undefined || more.length > 0) throw new AttestationFault('it must have one subject')
  const root = createHash('sha256')
  for (const { digest } of resources) root.update(Buffer.from(digest, 'hex'))
  if (asObject(subject.digest, 'the digest of the subject').sha256 !== root.digest('hex'))
    throw new AttestationFault('the digest of the subject is not that of its files')
}

function shardSizeIn({ method, shard_size: size }: JsonObject): number | undefined {
  if (method === 'files') return undefined
  if (method !== 'shards') throw new AttestationFault('its method of serialization is not known')
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 1)
    throw new AttestationFault('the size of its pieces is wrong')
  return size
}

function pathsIn(value: JsonValue | undefined): readonly string[] {
  if (value === undefined) return []
  if (!Array.isArray(value)) throw new AttestationFault('ignore_paths is not a list')
  return value.map((path) => asText(path, 'a path')).filter(isRelative)
}

/** A model of one file is called `.` by signing programs before 1.1. */
function isRelative(path: string): boolean {
  if (path === '.') return true
  const steps = path.split('/')
  return !steps.includes('..') && !steps.includes('') && !steps.includes('.') && !path.includes('\\')
}
