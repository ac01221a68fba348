/** Ed25519 keys that sign what others verify later: the private half in a file for its owner only, the public ones in another. */
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { replaceFile } from './atomic.ts'
import { whileLocked } from './lock.ts'

const separator = '-----END PUBLIC KEY-----'

/**
 * Opens a private key (PKCS #8, PEM), and makes it (mode 0600) if there is none.
 * @throws what `fs` throws, or an Error if the file holds no Ed25519 key
 */
export function openSigningKey(path: string): Promise<KeyObject> {
  return whileLocked(path, () => (existsSync(path) ? readKey(path) : makeKey(path)))
}

/** Reads the public keys of a file (SPKI, PEM); none if there is no such file. @throws Error if one cannot be read */
export function readPublicKeyFile(path: string): readonly KeyObject[] {
  return existsSync(path) ? publicKeysIn(readFileSync(path, 'utf8')) : []
}

/** Reads the public keys of a text (SPKI, PEM), in their order. @throws Error if one cannot be read */
export function publicKeysIn(text: string): readonly KeyObject[] {
  const blocks = text.split(separator).slice(0, -1)
  return blocks.map((block) => createPublicKey(`${block}${separator}`))
}

/** Adds a public key to a file behind those that it holds, so that what was signed before still verifies. */
export function publishKey(path: string, key: KeyObject): void {
  const before = existsSync(path) ? readFileSync(path, 'utf8') : ''
  replaceFile(path, before + key.export({ type: 'spki', format: 'pem' }).toString())
}

function makeKey(path: string): KeyObject {
  const { privateKey } = generateKeyPairSync('ed25519')
  replaceFile(path, privateKey.export({ type: 'pkcs8', format: 'pem' }).toString())
  return privateKey
}

function readKey(path: string): KeyObject {
  const key = createPrivateKey(readFileSync(path, 'utf8'))
  if (key.asymmetricKeyType !== 'ed25519') throw new Error(`${path} is not an Ed25519 key`)
  return key
}
