/**
 * `torwart connect`: accepts requests of this machine (or of allowed networks), adds the credential and forwards them to
 * the gateway. Requests and responses are streamed. If a client leaves, its request to the gateway is aborted, also before
 * the first byte of a response, which `@fastify/http-proxy` does not do. The forwarder inspects nothing.
 */
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import { PassThrough } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { Agent, type Dispatcher } from 'undici'
import { errorCode } from '../core/error-code.ts'
import { bindProblem, isLoopback, urlOf } from '../policy/address.ts'
import type { Address } from '../policy/policy.ts'
import { boundAddress } from '../wire/bound-address.ts'
import { linger } from '../wire/linger.ts'
import { type CredentialFiles, type Credentials, readCredentials, watchCredentials } from './credentials.ts'
import { type AllowedClients, crossOriginHeaders, mayConnect, refusalOf } from './local-clients.ts'

/** How a forwarder is started. */
export interface ForwarderOptions {
  /** Scheme, host and port. */
  readonly gateway: string
  readonly listen: Pick<Address, 'host' | 'port'>
  readonly files: CredentialFiles
  readonly allowed: AllowedClients
  /** Whether other machines may connect. */
  readonly allowsRemote?: boolean
  /** Gets messages for the operator, which hold nothing of a request. */
  report(sentence: string): void
}

/** A running forwarder. */
export interface Forwarder {
  readonly url: string
  close(): Promise<void>
}

const connectMs = 10_000
const maxConnections = 256

/** Headers that belong to one connection (RFC 9110, 7.6.1), that the forwarder sets itself, and other credentials. */
const notForwarded = new Set(
  'connection keep-alive proxy-connection proxy-authenticate proxy-authorization te trailer transfer-encoding upgrade host expect authorization x-api-key api-key cookie origin forwarded x-forwarded-for x-forwarded-host x-forwarded-proto x-real-ip'.split(
    ' ',
  ),
)

/** Starts a forwarder. @throws Error if a file is wrong, or the address is taken or not loopback */
export async function startForwarder(options: ForwarderOptions): Promise<Forwarder> {
  const { gateway, listen, files, allowed, report } = options
  let credentials = readCredentials(files)
  let agent = agentFor(credentials)
  const watch = watchCredentials(files, (now, problem) => {
    if (now === undefined)
      return report(`The credential was not reloaded, so the previous one stays in use: ${problem}`)
    const before = agent
    credentials = now
    agent = agentFor(now)
    // Lets requests in flight finish.
    void before.close()
    return report('The credential was reloaded.')
  })
  const server = createServer((request, response) => {
    const { headers, socket, url, method } = request
    const local = plainAddress(socket.localAddress)
    const refusal = url?.startsWith('/') ? refusalOf(headers, allowed, local) : 'The target must be a path.'
    if (refusal !== undefined) return answer(request, response, 403, refusal)
    const asked = headers['access-control-request-headers'] ?? ''
    if (headers.origin !== undefined && method === 'OPTIONS')
      return void response.writeHead(204, crossOriginHeaders(headers.origin, asked)).end()
    return void forward(request, response, gateway, agent, credentials.bearer)
  })
  server.maxConnections = maxConnections
  server.on('connection', (socket) => {
    if (!mayConnect(plainAddress(socket.remoteAddress), allowed)) socket.destroy()
  })
  // The gateway has the timeouts for uploads and responses.
  server.requestTimeout = 0
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(listen.port, listen.host, resolve)
    })
    const { address, port } = boundAddress(server)
    // A host name may resolve to any address.
    if (!options.allowsRemote && !isLoopback(address))
      throw new Error(`${listen.host} is ${address}, which is not loopback`)
    return {
      url: urlOf('http', { host: listen.host, port }),
      async close() {
        watch.close()
        server.close()
        server.closeAllConnections()
        await agent.destroy()
      },
    }
  } catch (error) {
    watch.close()
    server.close()
    await agent.destroy()
    throw bindProblem(error, listen, '--listen')
  }
}

/** Returns an IPv4 address of a dual-stack socket in its own form. */
function plainAddress(address: string | undefined): string {
  return (address ?? '').replace(/^::ffff:(?=\d+\.)/, '')
}

function agentFor({ tls }: Credentials): Agent {
  return new Agent({
    // The gateway has the timeouts.
    headersTimeout: 0,
    bodyTimeout: 0,
    pipelining: 1,
    connect: { ...tls, timeout: connectMs, rejectUnauthorized: true, ALPNProtocols: ['http/1.1'] },
  })
}

async function forward(
  request: IncomingMessage,
  response: ServerResponse,
  gateway: string,
  agent: Agent,
  bearer: string | undefined,
): Promise<void> {
  const cancellation = new AbortController()
  response.once('close', () => {
    if (!response.writableFinished) cancellation.abort()
  })
  try {
    const { statusCode, headers, body } = await agent.request({
      origin: gateway,
      path: request.url ?? '/',
      // A cast: Node has any string here, and undici accepts any token.
      method: request.method as Dispatcher.HttpMethod,
      headers: headersFor(request.headers, bearer),
      // Through a stream of its own: the gateway may answer and close before it has the whole body, and then the client's
      // connection must stay open for the response.
      body: hasBody(request.headers) ? request.pipe(new PassThrough()) : null,
      signal: cancellation.signal,
    })
    const { origin } = request.headers
    const passed = { ...forwardedHeaders(headers), ...(origin !== undefined && crossOriginHeaders(origin)) }
    if (!request.complete && statusCode >= 300) {
      const text = await body.text()
      return answerEarly(request, response, statusCode, passed, text)
    }
    response.writeHead(statusCode, passed)
    response.flushHeaders()
    await pipeline(body, response)
  } catch (error) {
    // A response that has begun is cut off, so that the client sees that it is incomplete.
    if (response.headersSent || response.destroyed) response.destroy()
    else answer(request, response, 502, messageFor(error))
  }
}

function hasBody({ 'content-length': length, 'transfer-encoding': coding }: IncomingHttpHeaders): boolean {
  return coding !== undefined || (length !== undefined && length !== '0')
}

function headersFor(
  headers: IncomingHttpHeaders,
  bearer: string | undefined,
): Record<string, string | string[]> {
  const passed = forwardedHeaders(headers)
  if (bearer !== undefined) passed.authorization = `Bearer ${bearer}`
  return passed
}

function forwardedHeaders(headers: IncomingHttpHeaders): Record<string, string | string[]> {
  const named = String(headers.connection ?? '').toLowerCase()
  const alsoOwn = new Set(named.split(',').map((name) => name.trim()))
  const passed: Record<string, string | string[]> = {}
  for (const [name, value] of Object.entries(headers))
    if (value !== undefined && !notForwarded.has(name) && !alsoOwn.has(name)) passed[name] = value
  return passed
}

/** Answers in the shape of Ollama's API, whose command line the forwarder is for. */
function answer(request: IncomingMessage, response: ServerResponse, status: number, error: string): void {
  const headers = { 'content-type': 'application/json; charset=utf-8' }
  answerEarly(request, response, status, headers, JSON.stringify({ error }))
}

/** Answers a request that may still be arriving. Its rest is discarded. */
function answerEarly(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  headers: Record<string, string | string[]>,
  body: string,
): void {
  const length = Buffer.byteLength(body)
  response.writeHead(status, { ...headers, 'content-length': length, connection: 'close' })
  response.write(body)
  void linger(request).then(() => response.end())
}

const unreachable = /^(ECONNREFUSED|ENOTFOUND|EHOSTUNREACH|ENETUNREACH|EAI_AGAIN|UND_ERR_CONNECT_TIMEOUT)$/
const distrusted = /CERT|SELF_SIGNED|UNABLE_TO|ALTNAME/

function messageFor(error: unknown): string {
  const code = errorCode(error)
  if (unreachable.test(code)) return `torwart connect: the gateway cannot be reached (${code})`
  if (/^ERR_SSL_\w*ALERT/.test(code)) return 'torwart connect: the gateway does not accept this certificate'
  if (distrusted.test(code)) return `torwart connect: the certificate of the gateway is not trusted (${code})`
  return 'torwart connect: the connection to the gateway was lost'
}
