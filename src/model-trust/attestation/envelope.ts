/**
 * DSSE envelopes (Dead Simple Signing Envelope, protocol v1.0.2) with one Ed25519 signature: what is signed is the payload
 * together with its type, byte for byte, so nothing is parsed before the signature has been verified.
 */
import { createHash, createPublicKey, type KeyObject, sign, verify } from 'node:crypto'
import { AttestationFault } from './fault.ts'
import { allowOnly, asObjects, asText, base64Bytes, readObject } from './strict.ts'

/** The media type of in-toto statements. */
export const statementType = 'application/vnd.in-toto+json'

/** The `_type` of in-toto Statements v1. */
export const statementKind = 'https://in-toto.io/Statement/v1'

/** Returns the bytes that a DSSE signature covers (PAE, "pre-authentication encoding"). */
export function preAuthEncoding(type: string, payload: Uint8Array): Buffer {
  const head = `DSSEv1 ${Buffer.byteLength(type)} ${type} ${payload.byteLength} `
  return Buffer.concat([Buffer.from(head), payload])
}

/** Returns the id of a public key: the SHA-256, in hex, of its SPKI in DER. */
export function keyIdOf(key: KeyObject): string {
  const publicKey = key.type === 'private' ? createPublicKey(key) : key
  return createHash('sha256')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest('hex')
}

/** Signs a payload with an Ed25519 key. @returns the envelope as JSON text */
export function sealEnvelope(payload: Uint8Array, key: KeyObject): string {
  const signature = sign(null, preAuthEncoding(statementType, payload), key)
  const envelope = {
    payloadType: statementType,
    payload: Buffer.from(payload).toString('base64'),
    signatures: [{ keyid: keyIdOf(key), sig: signature.toString('base64') }],
  }
  return `${JSON.stringify(envelope, null, 2)}\n`
}

/**
 * Verifies an envelope and returns its payload.
 * @param keys the Ed25519 keys that are trusted
 * @throws AttestationFault that says what is wrong
 */
export function openEnvelope(bytes: Uint8Array, keys: readonly KeyObject[]): Buffer {
  const envelope = readObject(bytes, 'the envelope')
  allowOnly(envelope, ['payloadType', 'payload', 'signatures'], 'the envelope')
  const type = asText(envelope.payloadType, 'payloadType')
  if (type !== statementType) throw new AttestationFault('the envelope holds no in-toto statement')
  const payload = base64Bytes(asText(envelope.payload, 'payload'), 'payload')
  const [signature, ...more] = asObjects(envelope.signatures, 'signatures')
  if (signature === undefined) throw new AttestationFault('the envelope is not signed')
  if (more.length > 0) throw new AttestationFault('the envelope has more than one signature')
  allowOnly(signature, ['keyid', 'sig'], 'the signature')
  const key = keys.find((each) => keyIdOf(each) === signature.keyid)
  if (key === undefined) throw new AttestationFault('it is signed with another key')
  if (key.asymmetricKeyType !== 'ed25519') throw new AttestationFault('the key is not an Ed25519 key')
  const sig = base64Bytes(asText(signature.sig, 'sig'), 'sig')
  if (!verify(null, preAuthEncoding(type, payload), key, sig))
    throw new AttestationFault('the signature does not match the content')
  return payload
}
