/**
 * `torwart connect`: takes requests on loopback, adds the credential, and hands them to the gate and its answers back,
 * both as they come. A client that leaves ends its request at the gate, before the first byte of an answer too, which
 * `@fastify/http-proxy` does not do. It judges nothing: that is the gate's.
 */
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { pipeline } from 'node:stream/promises'
import { Agent } from 'undici'
import { bindProblem, isLoopback, urlOf } from '../policy/address.ts'
import type { Address } from '../policy/policy.ts'
import { type CredentialFiles, type Credentials, readCredentials, watchCredentials } from './credentials.ts'
import { refusalOf } from './visitors.ts'

export interface ForwarderOptions {
  /** Scheme, host and port. */
  readonly gate: string
  readonly listen: Pick<Address, 'host' | 'port'>
  readonly files: CredentialFiles
  /** A sentence for whoever runs it, without anything of a request. */
  tell(sentence: string): void
}

export interface Forwarder {
  readonly url: string
  close(): Promise<void>
}

const connectMs = 10_000
const mostConnections = 256

/** What belongs to one connection (RFC 9110, 7.6.1), what the forwarder says itself, and credentials of others. */
const ownToThisSide = new Set(
  'connection keep-alive proxy-connection proxy-authenticate proxy-authorization te trailer transfer-encoding upgrade host expect authorization x-api-key api-key cookie forwarded x-forwarded-for x-forwarded-host x-forwarded-proto x-real-ip'.split(
    ' ',
  ),
)

/** @throws Error if a file is wrong, or the address is not to be had or not loopback */
export async function startForwarder({ gate, listen, files, tell }: ForwarderOptions): Promise<Forwarder> {
  let credentials = readCredentials(files)
  let agent = agentFor(credentials)
  const watch = watchCredentials(files, (now, problem) => {
    if (now === undefined) return tell(`Not read again, what it said before stays: ${problem}`)
    const before = agent
    credentials = now
    agent = agentFor(now)
    // Lets what runs finish.
    void before.close()
    return tell('The credential was read again.')
  })
  const server = createServer((request, response) => {
    const refusal = request.url?.startsWith('/') ? refusalOf(request.headers) : 'The target must be a path.'
    if (refusal !== undefined) return refuse(response, 403, refusal)
    return void forward(request, response, gate, agent, credentials.bearer)
  })
  server.maxConnections = mostConnections
  // Uploads of models and answers take as long as the gate lets them.
  server.requestTimeout = 0
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(listen.port, listen.host, resolve)
    })
    const { address, port } = server.address() as AddressInfo
    // A name may point anywhere.
    if (!isLoopback(address)) throw new Error(`${listen.host} is ${address}, which is not loopback`)
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

function agentFor({ tls }: Credentials): Agent {
  return new Agent({
    // The gate knows how long an answer may take.
    headersTimeout: 0,
    bodyTimeout: 0,
    pipelining: 1,
    connect: { ...tls, timeout: connectMs, rejectUnauthorized: true, ALPNProtocols: ['http/1.1'] },
  })
}

async function forward(
  request: IncomingMessage,
  response: ServerResponse,
  gate: string,
  agent: Agent,
  bearer: string | undefined,
): Promise<void> {
  const departure = new AbortController()
  response.once('close', () => {
    if (!response.writableFinished) departure.abort()
  })
  try {
    const { statusCode, headers, body } = await agent.request({
      origin: gate,
      path: request.url ?? '/',
      method: request.method as 'GET',
      headers: headersFor(request.headers, bearer),
      body: hasBody(request.headers) ? request : null,
      signal: departure.signal,
    })
    response.writeHead(statusCode, passable(headers))
    response.flushHeaders()
    await pipeline(body, response)
  } catch (error) {
    // In the middle of an answer the client must see that it is cut.
    if (response.headersSent || response.destroyed) response.destroy()
    else refuse(response, 502, sentenceOf(error))
  }
}

function hasBody({ 'content-length': length, 'transfer-encoding': coding }: IncomingHttpHeaders): boolean {
  return coding !== undefined || (length !== undefined && length !== '0')
}

function headersFor(
  headers: IncomingHttpHeaders,
  bearer: string | undefined,
): Record<string, string | string[]> {
  const passed = passable(headers)
  if (bearer !== undefined) passed.authorization = `Bearer ${bearer}`
  return passed
}

function passable(headers: IncomingHttpHeaders): Record<string, string | string[]> {
  const named = String(headers.connection ?? '').toLowerCase()
  const alsoOwn = new Set(named.split(',').map((name) => name.trim()))
  const passed: Record<string, string | string[]> = {}
  for (const [name, value] of Object.entries(headers))
    if (value !== undefined && !ownToThisSide.has(name) && !alsoOwn.has(name)) passed[name] = value
  return passed
}

/** In Ollama's shape, because its command is what this is for. */
function refuse(response: ServerResponse, status: number, error: string): void {
  const body = JSON.stringify({ error })
  // The rest of what was being sent is not waited for.
  response.writeHead(status, {
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(body),
    connection: 'close',
  })
  response.end(body)
}

const unreachable = /^(ECONNREFUSED|ENOTFOUND|EHOSTUNREACH|ENETUNREACH|EAI_AGAIN|UND_ERR_CONNECT_TIMEOUT)$/
const distrusted = /CERT|SELF_SIGNED|UNABLE_TO|ALTNAME/

function sentenceOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  if (unreachable.test(code)) return `torwart connect: the gate cannot be reached (${code})`
  if (/^ERR_SSL_\w*ALERT/.test(code)) return 'torwart connect: the gate does not accept this certificate'
  if (distrusted.test(code)) return `torwart connect: the gate’s certificate is not to be trusted (${code})`
  return 'torwart connect: the connection to the gate was lost'
}
