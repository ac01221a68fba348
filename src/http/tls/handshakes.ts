/** Handshakes that fail: told by reason. There is no request yet, so there is no record and nobody to answer. */
import type { Server, Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import type { CertificateFault } from '../../auth/identity.ts'
import { certificateFault } from '../../auth/mtls/certificate.ts'
import { canonicalPeer } from '../data/connections.ts'

export type HandshakeFailure =
  | CertificateFault
  | 'no certificate'
  | 'timeout'
  | 'plain http'
  | 'no common ground'
  | 'refused by the client'
  | 'left'
  | 'other'

const byCode: Readonly<Record<string, HandshakeFailure>> = {
  ERR_TLS_HANDSHAKE_TIMEOUT: 'timeout',
  ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE: 'no certificate',
  ERR_SSL_HTTP_REQUEST: 'plain http',
  ERR_SSL_UNSUPPORTED_PROTOCOL: 'no common ground',
  ERR_SSL_NO_SHARED_CIPHER: 'no common ground',
  ERR_SSL_NO_SHARED_GROUP: 'no common ground',
  ERR_SSL_NO_APPLICATION_PROTOCOL: 'no common ground',
  ERR_SSL_VERSION_TOO_LOW: 'no common ground',
  ERR_SSL_WRONG_VERSION_NUMBER: 'no common ground',
  ECONNRESET: 'left',
  EPIPE: 'left',
}

export interface Handshakes {
  /** Whether bytes may go through it: false for TLS that never came about. */
  isEstablished(socket: Socket): boolean
}

export function watchHandshakes(
  server: Server,
  onFault: (fault: HandshakeFailure, peer: string) => void,
): Handshakes {
  const through = new WeakSet<Socket>()
  server.on('secureConnection', (socket: TLSSocket) => through.add(socket))
  server.on('tlsClientError', (error: NodeJS.ErrnoException, socket: TLSSocket) =>
    onFault(faultOf(error, socket), canonicalPeer(socket.remoteAddress)),
  )
  return { isEstablished: (socket) => !(socket instanceof TLSSocket) || through.has(socket) }
}

function faultOf({ code = '' }: NodeJS.ErrnoException, socket: TLSSocket): HandshakeFailure {
  // Node hangs up then without another word, and with a reset for an error.
  if (socket.authorizationError) return certificateFault(String(socket.authorizationError))
  if (/^ERR_SSL_\w*ALERT/.test(code)) return 'refused by the client'
  return byCode[code] ?? 'other'
}
