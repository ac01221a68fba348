/**
 * The key that signs what a chain alone cannot prove: where it stood (checkpoints), what was deleted, what was erased.
 * Made on first use beside the log, `FILE.key`, for its owner only; `FILE.pub` has the public key, to be kept by whoever
 * verifies. A key that was lost is made anew, and its public half put behind the old one's, so that both verify.
 */
import { createPublicKey, type KeyObject } from 'node:crypto'
import { CompactSign, calculateJwkThumbprint } from 'jose'
import { openSigningKey, publishKey, readPublicKeyFile } from '../../files/signing-key.ts'

/** Signs what is said of a log. */
export interface Signer {
  /** RFC 7638 thumbprint of the public key. */
  readonly kid: string
  /** Which chain it is, among those of several gateways: the beginning of `kid`. */
  readonly instance: string
  /** A compact JWS (RFC 7515), EdDSA. */
  sign(payload: object): Promise<string>
}

const instanceLength = 12

/**
 * Opens the key of a log, and makes it if there is none.
 * @throws what `fs` throws, or an Error if the file holds no Ed25519 key
 */
export async function openSigner(file: string): Promise<Signer> {
  const privateKey = await openSigningKey(`${file}.key`)
  const publicKey = createPublicKey(privateKey)
  const kid = await thumbprint(publicKey)
  if (!(await readPublicKeys(`${file}.pub`)).has(kid)) publishKey(`${file}.pub`, publicKey)
  return {
    kid,
    instance: kid.slice(0, instanceLength),
    sign: (payload) =>
      new CompactSign(Buffer.from(JSON.stringify(payload)))
        .setProtectedHeader({ alg: 'EdDSA', kid, typ: 'torwart-audit+jws' })
        .sign(privateKey),
  }
}

/** Reads public keys, by `kid`; none if there is no such file. */
export async function readPublicKeys(path: string): Promise<ReadonlyMap<string, KeyObject>> {
  const keys = new Map<string, KeyObject>()
  for (const key of readPublicKeyFile(path)) keys.set(await thumbprint(key), key)
  return keys
}

/** `kid` is made of the key and not chosen, so that nobody passes one key off as another. */
function thumbprint(key: KeyObject): Promise<string> {
  return calculateJwkThumbprint(key.export({ format: 'jwk' }))
}
