/**
 * A model server without a model, on a free port of loopback: it lists the models it was given and answers what its script
 * says. The demo shows the gateway with it, and `torwart attack` sees with it what arrives behind one.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { isObject, type JsonObject, type JsonValue, tryJson } from '../core/json.ts'
import { boundAddress } from '../wire/bound-address.ts'
import { modelRoutes } from './answers.ts'
import type { Asked, Reply } from './reply.ts'
import { sendJson } from './send.ts'

/** A model that the server says it has. */
export interface ServedModel {
  readonly name: string
  /** Hex. */
  readonly digest: string
}

/** What the server does. */
export interface Script {
  /** Asked anew for each list, so that models may change. */
  models(): readonly ServedModel[]
  reply(asked: Asked): Reply | Promise<Reply>
  /** Told of every request before it is answered. */
  onRequest?(asked: Asked): void
  /** What any other route answers; absent: 404. */
  elsewhere?(asked: Asked): JsonValue
  /** Accepts what HTTP forbids, as careless servers do. */
  readonly isLenient?: boolean
}

/** A running scripted server. */
export interface ScriptedServer {
  readonly url: string
  close(): Promise<void>
}

/** Larger bodies than any role may send. */
const maxBodyBytes = 600 * 1024 * 1024

/** Starts the server; it listens when this resolves. */
export async function startScriptedServer(script: Script): Promise<ScriptedServer> {
  const server = createServer({ insecureHTTPParser: script.isLenient === true }, (request, response) => {
    readBody(request)
      .then((text) => answer(script, askedOf(request, text), response))
      .catch(() => response.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = boundAddress(server)
  return {
    url: `http://127.0.0.1:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

async function readBody(request: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = []
  let bytes = 0
  for await (const piece of request) {
    bytes += piece.length
    if (bytes > maxBodyBytes) throw new Error('the body is too large')
    pieces.push(piece)
  }
  return Buffer.concat(pieces).toString()
}

function askedOf({ method = '', url = '', headers }: IncomingMessage, text: string): Asked {
  const value = tryJson(text)
  return { method, url, headers, text, body: isObject(value) ? value : {} }
}

async function answer(script: Script, asked: Asked, response: ServerResponse): Promise<void> {
  script.onRequest?.(asked)
  const [path = ''] = asked.url.split('?')
  const list = lists.get(`${asked.method} ${path}`)
  if (list) return list(response, script.models())
  const write = modelRoutes.get(`${asked.method} ${path}`)
  if (write) return write(response, asked, await script.reply(asked))
  if (script.elsewhere) return sendJson(response, script.elsewhere(asked))
  response.statusCode = 404
  response.end('404 page not found')
}

const details = {
  format: 'none',
  family: 'scripted',
  parameter_size: '0',
  quantization_level: 'none',
}

function entryOf({ name, digest }: ServedModel): JsonObject {
  return { name, model: name, modified_at: '2026-01-01T00:00:00Z', size: 0, digest, details }
}

const lists: ReadonlyMap<string, (response: ServerResponse, models: readonly ServedModel[]) => void> =
  new Map([
    ['GET /', (response) => void response.end('Ollama is running')],
    ['GET /api/version', (response) => sendJson(response, { version: '0.0.0-scripted' })],
    ['GET /api/tags', (response, models) => sendJson(response, { models: models.map(entryOf) })],
    ['GET /api/ps', (response) => sendJson(response, { models: [] })],
    [
      'GET /v1/models',
      (response, models) =>
        sendJson(response, {
          object: 'list',
          data: models.map(({ name }) => ({ id: name, object: 'model', created: 0, owned_by: 'scripted' })),
        }),
    ],
    [
      'POST /api/show',
      (response) => sendJson(response, { details, model_info: {}, capabilities: ['completion', 'tools'] }),
    ],
  ])
