/**
 * The credentials of the forwarder: a key or token, a client certificate, or both, and the CA for the gateway's own
 * certificate. The files are read again when they change; one that cannot be read changes nothing.
 */
import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createSecureContext } from 'node:tls'
import { readSecret } from '../files/secret-file.ts'
import { watchFiles } from '../files/watch.ts'

/** The files of the credentials. */
export interface CredentialFiles {
  /** A key or token, and nothing else. */
  readonly key: string | undefined
  readonly certificate: { readonly cert: string; readonly key: string } | undefined
  /** Undefined: the CAs that Node ships. */
  readonly ca: string | undefined
}

/** The content of the files. */
export interface Credentials {
  /** Undefined: the certificate is the only credential. */
  readonly bearer: string | undefined
  readonly tls: { readonly ca?: string; readonly cert?: string; readonly key?: string }
}

const maxLength = 8192

/** Reads the files. @throws Error if one cannot be read or has other content; the message never quotes it */
export function readCredentials({ key, certificate, ca }: CredentialFiles): Credentials {
  const bearer = key === undefined ? undefined : readSecret(key)
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
  // OpenSSL silently ignores a CA file without a certificate, and then trusts no gateway.
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

/** Reads the files when they change. @param onChange gets the new credentials, or why the old ones stay in use */
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
