/** Failed TLS handshakes, reported by reason. There is no request yet, so there is nothing to record or answer. */
import type { Server, Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import type { CertificateFault } from '../../auth/identity.ts'
import { certificateFault } from '../../auth/mtls/certificate.ts'
import { canonicalPeer } from '../data/connections.ts'

/** Why a handshake failed; also the label of the metric. */
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

/** The handshakes of one server. */
export interface Handshakes {
  /** Tells whether data can be sent: false for TLS without a finished handshake. */
  isEstablished(socket: Socket): boolean
}

/** Reports failed handshakes. @param onFault gets the reason and the address of the peer */
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
  // For a rejected certificate Node closes the connection, and the error is only a reset.
  if (socket.authorizationError) return certificateFault(String(socket.authorizationError))
  if (/^ERR_SSL_\w*ALERT/.test(code)) return 'refused by the client'
  return byCode[code] ?? 'other'
}
