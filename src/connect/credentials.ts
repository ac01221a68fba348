/**
 * What the forwarder shows at the gate: a key or token, a client certificate, or both; and whose word it takes for the
 * gate's own certificate. The files are read again when they change; one that cannot be read changes nothing.
 */
import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createSecureContext } from 'node:tls'
import { watchFiles } from '../files/watch.ts'

export interface CredentialFiles {
  /** A key or token, alone in its file. */
  readonly key: string | undefined
  readonly certificate: { readonly cert: string; readonly key: string } | undefined
  /** Absent: the CAs that Node ships. */
  readonly ca: string | undefined
}

export interface Credentials {
  /** Undefined: none but the certificate. */
  readonly bearer: string | undefined
  readonly tls: { readonly ca?: string; readonly cert?: string; readonly key?: string }
}

const maxLength = 8192

/** @throws Error if a file cannot be read, or holds something else; its message never quotes the file */
export function readCredentials({ key, certificate, ca }: CredentialFiles): Credentials {
  const bearer = key === undefined ? undefined : readFileSync(key, 'utf8').trim()
  if (bearer !== undefined && (bearer.length > maxLength || !/^[\x21-\x7e]+$/.test(bearer)))
    throw new Error(`${key} holds no key. It must be one line of printable characters.`)
  const tls = {
    ...(ca === undefined ? {} : { ca: readFileSync(ca, 'utf8') }),
    ...(certificate && {
      cert: readFileSync(certificate.cert, 'utf8'),
      key: readFileSync(certificate.key, 'utf8'),
    }),
  }
  if (certificate && !succeeds(() => createSecureContext(tls)))
    throw new Error(
      `${certificate.cert} and ${certificate.key} are not a certificate and its private key, both in PEM`,
    )
  // OpenSSL passes over a CA file that holds none, and then trusts nobody without a word.
  if (tls.ca !== undefined && !succeeds(() => new X509Certificate(tls.ca ?? '')))
    throw new Error(`${ca} holds no certificate in PEM`)
  return { bearer, tls }
}

function succeeds(attempt: () => unknown): boolean {
  try {
    attempt()
    return true
  } catch {
    return false
  }
}

/** @param onChange what the files say now, or why what they said before stays */
export function watchCredentials(
  files: CredentialFiles,
  onChange: (now: Credentials | undefined, problem: string) => void,
): { close(): void } {
  const { key, certificate, ca } = files
  const paths = [key, certificate?.cert, certificate?.key, ca].filter((path) => path !== undefined)
  return watchFiles(paths, () => {
    try {
      onChange(readCredentials(files), '')
    } catch (error) {
      onChange(undefined, error instanceof Error ? error.message : 'the file cannot be read')
    }
  })
}
