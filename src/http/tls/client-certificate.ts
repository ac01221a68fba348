/** What the client of a TLS connection has shown, read once a connection. */
import type { X509Certificate } from 'node:crypto'
import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import { certificateFault, type ShownCertificate } from '../../auth/mtls/certificate.ts'
import { alternativeNames } from '../../auth/mtls/subject-names.ts'

/** @returns undefined where there is no TLS, or the client showed none */
export type CertificateReader = (socket: Socket) => ShownCertificate | undefined

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
  // Its types say Error; on a server it is OpenSSL's word for it.
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

/** Taken from the structure, not from the subject in one line, which a name could imitate. */
function commonName(certificate: X509Certificate): string | undefined {
  const { subject } = certificate.toLegacyObject() as { subject?: { CN?: string | string[] } }
  return typeof subject?.CN === 'string' ? subject.CN : undefined
}
