/** Models signed as OpenSSF Model Signing v1.0 has it, made for a test. */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  sign,
  X509Certificate,
} from 'node:crypto'

export interface SignedModel {
  /** By path below the folder. */
  readonly files: Readonly<Record<string, string>>
  /** PEM, P-256, P-384 or P-521. */
  readonly key: string | KeyObject
  /** PEM, the signer's first; absent: signed with the key alone. */
  readonly chain?: readonly string[]
  readonly shardSize?: number
  readonly hash?: 'sha256' | 'blake2b'
  readonly allowsLinks?: boolean
  readonly ignored?: readonly string[]
  /** Changes the statement before it is signed, or the bundle afterwards. */
  readonly statement?: (statement: Record<string, unknown>) => void
  readonly bundle?: (bundle: Record<string, unknown>) => void
}

const curves: Readonly<Record<string, string>> = {
  prime256v1: 'sha256',
  secp384r1: 'sha384',
  secp521r1: 'sha512',
}

/** @returns the text of `model.sig` */
export function signModel(model: SignedModel): string {
  const { hash = 'sha256', shardSize } = model
  const digestOf = (bytes: Buffer) =>
    createHash(hash === 'sha256' ? 'sha256' : 'blake2b512')
      .update(bytes)
      .digest('hex')
  const resources = Object.entries(model.files)
    .flatMap(([name, text]) => piecesOf(name, Buffer.from(text), shardSize))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name, bytes }) => ({ name, digest: digestOf(bytes), algorithm: hash }))
  const root = createHash('sha256')
  for (const { digest } of resources) root.update(Buffer.from(digest, 'hex'))
  const statement: Record<string, unknown> = {
    _type: 'https://in-toto.io/Statement/v1',
    subject: [{ name: 'model', digest: { sha256: root.digest('hex') } }],
    predicateType: 'https://model_signing/signature/v1.0',
    predicate: {
      resources,
      serialization: {
        method: shardSize === undefined ? 'files' : 'shards',
        hash_type: hash,
        ...(shardSize === undefined ? {} : { shard_size: shardSize }),
        allow_symlinks: model.allowsLinks ?? false,
        ...(model.ignored ? { ignore_paths: model.ignored } : {}),
      },
    },
  }
  model.statement?.(statement)
  const payload = Buffer.from(JSON.stringify(statement))
  const type = 'application/vnd.in-toto+json'
  const signed = Buffer.concat([Buffer.from(`DSSEv1 ${type.length} ${type} ${payload.length} `), payload])
  const key = typeof model.key === 'string' ? createPrivateKey(model.key) : model.key
  const bundle: Record<string, unknown> = {
    mediaType: 'application/vnd.dev.sigstore.bundle.v0.3+json',
    verificationMaterial: { ...materialOf(model, key), tlogEntries: [] },
    dsseEnvelope: {
      payload: payload.toString('base64'),
      payloadType: type,
      signatures: [
        {
          sig: sign(curves[key.asymmetricKeyDetails?.namedCurve ?? ''] ?? null, signed, key).toString(
            'base64',
          ),
          keyid: '',
        },
      ],
    },
  }
  model.bundle?.(bundle)
  return JSON.stringify(bundle)
}

function piecesOf(name: string, bytes: Buffer, shardSize: number | undefined) {
  if (shardSize === undefined) return [{ name, bytes }]
  const count = Math.ceil(bytes.length / shardSize)
  return Array.from({ length: count }, (_, index) => {
    const start = index * shardSize
    const end = Math.min(start + shardSize, bytes.length)
    return { name: `${name}:${start}:${end}`, bytes: bytes.subarray(start, end) }
  })
}

function materialOf({ chain }: SignedModel, key: KeyObject) {
  const der = (pem: string) => new X509Certificate(pem).raw.toString('base64')
  if (chain) return { x509CertificateChain: { certificates: chain.map((pem) => ({ rawBytes: der(pem) })) } }
  const pem = createPublicKey(key).export({ type: 'spki', format: 'pem' })
  return { publicKey: { hint: createHash('sha256').update(pem).digest('hex') } }
}
