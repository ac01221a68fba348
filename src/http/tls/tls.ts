/**
 * TLS of the data listener, whose files are read again when they change. New connections get the new certificate. Existing
 * ones continue, except those whose client certificate was checked against an older CA bundle or revocation list: these
 * are closed as soon as no request runs on them, so that the client is checked again.
 */
import { constants } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Server as AnyServer, Socket } from 'node:net'
import { Server, type TLSSocket, type TlsOptions } from 'node:tls'
import { watchFiles } from '../../files/watch.ts'
import type { TlsSettings } from '../../policy/callers.ts'
import { readTls, type TlsMaterial } from '../../policy/tls-files.ts'

/** Forward secrecy and authenticated encryption only: the suites of TLS 1.3 and their equivalents in 1.2. */
const ciphers = [
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'TLS_AES_128_GCM_SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
].join(':')

/** Milliseconds for a handshake, during which a connection costs memory. */
const handshakeMs = 10_000

function contextOf({ cert, key, ca, crl }: TlsMaterial): TlsOptions {
  const asksClients = ca.length > 0
  return {
    cert,
    key,
    ciphers,
    minVersion: 'TLSv1.2',
    honorCipherOrder: true,
    ...(asksClients ? { ca } : {}),
    ...(crl.length > 0 ? { crl } : {}),
    // A resumed session is not checked again, so a ticket would outlive the revocation of its certificate.
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION | (asksClients ? constants.SSL_OP_NO_TICKET : 0),
  }
}

/** Reads the files and returns the options of the server. @throws TlsFault, or what reading a file throws */
export function tlsOptions(settings: TlsSettings): TlsOptions {
  const material = readTls(settings)
  return {
    ...contextOf(material),
    ALPNProtocols: ['http/1.1'],
    handshakeTimeout: handshakeMs,
    requestCert: material.ca.length > 0,
    rejectUnauthorized: settings.clientCert === 'required',
  }
}

/** How the last reload of the files went. */
export interface TlsReloadStatus {
  readonly ok: boolean
  readonly at: string
  readonly place?: string
}

/** The files in use. */
export interface TlsFiles {
  readonly reading: TlsReloadStatus
  /** When the gateway's own certificate expires, in epoch milliseconds. */
  readonly expiresMs: number
  reload(): void
  close(): void
}

/**
 * Reloads the files when they change.
 * @param server made with `tlsOptions(settings)`
 * @param onReload called after a reload that changed something, or with the problem of one that failed and changed nothing;
 * with the expiry of the certificate in force, in epoch milliseconds
 * @throws TypeError if the server has no TLS
 */
export function watchTlsFiles(
  server: AnyServer,
  settings: TlsSettings,
  { nowMs, everyMs }: { nowMs(): number; readonly everyMs: number },
  onReload: (problem: string | undefined, expiresMs: number) => void,
): TlsFiles {
  if (!(server instanceof Server)) throw new TypeError('this listener has no TLS')
  let material = readTls(settings)
  let reading: TlsReloadStatus = { ok: true, at: new Date(nowMs()).toISOString() }
  const clientCertificates = trackClientCertificates(server, material.ca.length > 0)
  const reload = () => {
    const at = new Date(nowMs()).toISOString()
    try {
      const next = readTls(settings)
      const isNews = JSON.stringify(next) !== JSON.stringify(material)
      const wasBroken = !reading.ok
      if (isNews) server.setSecureContext(contextOf(next))
      const judges = ({ ca, crl }: TlsMaterial) => JSON.stringify([ca, crl])
      if (judges(next) !== judges(material)) clientCertificates.dismiss()
      material = next
      reading = { ok: true, at }
      if (isNews || wasBroken) onReload(undefined, material.expiresMs)
    } catch (error) {
      reading = { ok: false, at, place: 'listen.tls' }
      onReload(error instanceof Error ? error.message : 'cannot be read', material.expiresMs)
    }
  }
  const { cert, key, clientCa, crl } = settings
  const paths = [cert, key, clientCa, crl].filter((path) => path !== undefined)
  const watch = watchFiles(paths, reload, everyMs)
  return {
    get reading() {
      return reading
    },
    get expiresMs() {
      return material.expiresMs
    },
    reload,
    close: watch.close,
  }
}

/** Tracks connections with a client certificate. `dismiss` closes them, busy ones after their last response. */
function trackClientCertificates(server: Server, requestsCertificates: boolean): { dismiss(): void } {
  const busy = new Map<Socket, Set<ServerResponse>>()
  const dismissed = new WeakSet<Socket>()
  if (!requestsCertificates) return { dismiss: () => {} }
  server.on('secureConnection', (socket: TLSSocket) => {
    if (socket.getPeerX509Certificate() === undefined) return
    busy.set(socket, new Set())
    socket.once('close', () => busy.delete(socket))
  })
  server.on('request', ({ socket }: IncomingMessage, response: ServerResponse) => {
    const responses = busy.get(socket)
    if (!responses) return
    responses.add(response)
    response.once('close', () => {
      responses.delete(response)
      if (responses.size === 0 && dismissed.has(socket)) socket.destroySoon()
    })
  })
  return {
    dismiss() {
      for (const [socket, responses] of busy) {
        dismissed.add(socket)
        if (responses.size === 0) socket.destroySoon()
        // Adds `connection: close`, which tells the client that this response is the last.
        for (const response of responses) response.shouldKeepAlive = false
      }
    },
  }
}
