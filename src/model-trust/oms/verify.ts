/** Verifies a signature over a model's files (OpenSSF Model Signing v1.0), with a public key or a certificate. */
import { createHash, createPublicKey, type KeyObject, verify, X509Certificate } from 'node:crypto'
import { AttestationFault } from '../attestation/fault.ts'
import { type Bundle, type Manifest, readBundle, readManifest } from './bundle.ts'
import { signerOf } from './certificates.ts'

/** Hash functions by curve, as the signing programs use them (RFC 5656 and the Sigstore algorithm registry). */
const hashes: Readonly<Record<string, string>> = {
  prime256v1: 'sha256',
  secp384r1: 'sha384',
  secp521r1: 'sha512',
}

/**
 * Verifies the signature of a bundle.
 * @param trusted a public key (PEM, elliptic curve P-256, P-384 or P-521) or a certificate (PEM)
 * @returns what was signed
 * @throws AttestationFault that says what is wrong
 */
export function verifyBundle(bytes: Uint8Array, trusted: string, nowMs: number): Manifest {
  const bundle = readBundle(bytes)
  const key = keyFor(bundle, trusted, nowMs)
  const hash = hashes[key.asymmetricKeyDetails?.namedCurve ?? '']
  if (key.asymmetricKeyType !== 'ec' || hash === undefined)
    throw new AttestationFault('the key is not on the curve P-256, P-384 or P-521')
  if (!verify(hash, bundle.signed, key, bundle.signature))
    throw new AttestationFault('the signature does not match the content')
  return readManifest(bundle.payload)
}

function keyFor({ material }: Bundle, trusted: string, nowMs: number): KeyObject {
  const isCertificate = trusted.includes('-----BEGIN CERTIFICATE-----')
  if (material.kind === 'certificate') {
    if (!isCertificate) throw new AttestationFault('it is signed with a certificate: name one, and not a key')
    return signerOf(
      material.chain,
      readPem(() => new X509Certificate(trusted)),
      nowMs,
    )
  }
  if (isCertificate) throw new AttestationFault('it is signed with a key: name one, and not a certificate')
  const key = readPem(() => createPublicKey(trusted))
  const pem = key.export({ type: 'spki', format: 'pem' })
  if (material.hint !== undefined && material.hint !== createHash('sha256').update(pem).digest('hex'))
    throw new AttestationFault('it is signed with another key')
  return key
}

function readPem<T>(read: () => T): T {
  try {
    return read()
  } catch {
    // What OpenSSL says of a wrong file helps nobody.
    throw new AttestationFault(
      'the file that --key names holds neither a public key nor a certificate in PEM',
    )
  }
}
