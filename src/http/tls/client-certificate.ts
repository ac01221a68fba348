/** Reads the client certificate of a TLS connection, once for each connection. */
import type { X509Certificate } from 'node:crypto'
import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import { certificateFault, type ShownCertificate } from '../../auth/mtls/certificate.ts'
import { alternativeNames } from '../../auth/mtls/subject-names.ts'

/** Returns the client certificate, or undefined without TLS or without a certificate. */
export type CertificateReader = (socket: Socket) => ShownCertificate | undefined

/** Creates a reader that remembers what it read. */
export function createCertificateReader(): CertificateReader {
  const known = new WeakMap<TLSSocket, ShownCertificate | 'none'>()
  return (socket) => {
    if (!(socket instanceof TLSSocket)) return undefined
    let shown = known.get(socket)
    if (shown === undefined) {
      shown = readCertificate(socket) ?? 'none'
      known.set(socket, shown)
    }
    return shown === 'none' ? undefined : shown
  }
}

function readCertificate(socket: TLSSocket): ShownCertificate | undefined {
  const certificate = socket.getPeerX509Certificate()
  if (certificate === undefined) return undefined
  // Its type is Error; on a server it is OpenSSL's code.
  const fault = socket.authorized ? undefined : certificateFault(String(socket.authorizationError))
  const { dns, uris } = alternativeNames(certificate.subjectAltName)
  return {
    fault,
    cn: commonName(certificate),
    dns,
    uris,
    fingerprint: certificate.fingerprint256.replaceAll(':', '').toLowerCase(),
    expiresMs: Date.parse(certificate.validTo),
  }
}

/**
 * Reads the common name from the structure, not from the subject line, which another attribute could imitate. A cast: the
 * types have `CN` as a string, but a certificate with several has a list.
 */
function commonName(certificate: X509Certificate): string | undefined {
  const { subject } = certificate.toLegacyObject() as { subject?: { CN?: string | string[] } }
  return typeof subject?.CN === 'string' ? subject.CN : undefined
}
