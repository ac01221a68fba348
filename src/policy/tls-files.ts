/**
 * The files of `listen.tls`, looked at before anybody depends on them: OpenSSL passes silently over what it cannot
 * read in a CA bundle, and takes only the first CRL of a file. That a certificate is out of date is not judged here.
 */
import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createSecureContext } from 'node:tls'
import type { TlsSettings } from './callers.ts'

/** The contents of the TLS files. */
export interface TlsMaterial {
  readonly cert: Buffer
  readonly key: Buffer
  /** Empty: no client is asked for a certificate. */
  readonly ca: string[]
  readonly crl: string[]
  /** When the gate's own certificate runs out, epoch milliseconds. */
  readonly expiresMs: number
}

/** What is wrong with which file. */
export class TlsFault extends Error {
  readonly at: 'cert' | 'clientCa' | 'crl'
  /** Goes behind the key's name. */
  readonly fault: string

  constructor(at: TlsFault['at'], fault: string) {
    super(`\`listen.tls.${at}\` ${fault}`)
    this.at = at
    this.fault = fault
  }
}

/** @throws TlsFault, or what reading a file throws */
export function readTls({ cert, key, clientCa, crl }: TlsSettings): TlsMaterial {
  const pair = { cert: readFileSync(cert), key: readFileSync(key) }
  const expiresMs = expiryOf(pair)
  const ca = clientCa === undefined ? [] : blocksOf(readFileSync(clientCa, 'utf8'), 'CERTIFICATE')
  if (clientCa !== undefined && (ca.length === 0 || !ca.every(isCertificate)))
    throw new TlsFault('clientCa', 'contains no certificates in PEM')
  const lists = crl === undefined ? [] : blocksOf(readFileSync(crl, 'utf8'), 'X509 CRL')
  if (crl !== undefined && (lists.length === 0 || !lists.every(isRevocationList)))
    throw new TlsFault('crl', 'contains no certificate revocation lists in PEM')
  return { ...pair, ca, crl: lists, expiresMs }
}

function expiryOf(pair: Pick<TlsMaterial, 'cert' | 'key'>): number {
  try {
    createSecureContext(pair)
    return Date.parse(new X509Certificate(pair.cert).validTo)
  } catch {
    throw new TlsFault(
      'cert',
      'is not a certificate for the key in `listen.tls.key`, or one of the two is not PEM',
    )
  }
}

function blocksOf(text: string, label: string): string[] {
  const end = `-----END ${label}-----`
  return text
    .split(`-----BEGIN ${label}-----`)
    .slice(1)
    .map((rest) => `-----BEGIN ${label}-----${rest.split(end, 1)[0]}${end}\n`)
}

function isCertificate(block: string): boolean {
  try {
    return new X509Certificate(block).raw.length > 0
  } catch {
    return false
  }
}

function isRevocationList(crl: string): boolean {
  try {
    return createSecureContext({ crl }) !== undefined
  } catch {
    return false
  }
}
