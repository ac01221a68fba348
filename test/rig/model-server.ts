/**
 * The scripted model server: plays recorded exchanges of a real Ollama (`test/fixtures/wire`) or whatever a
 * test asks for, and keeps every byte it was sent.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Recorded {
  readonly name: string
  readonly request: { readonly method: string; readonly path: string; readonly body?: string }
  readonly response: {
    readonly status: number
    readonly headers: readonly (readonly [string, string])[]
    readonly chunks: readonly { readonly text: string }[]
  }
}

export interface Seen {
  readonly method: string
  readonly url: string
  readonly headers: IncomingMessage['headers']
  readonly text: string
  readonly json: Record<string, unknown>
  /** Resolves when the caller has gone away before it had its answer. */
  readonly left: Promise<void>
}

/** What a test lets the server do with one request. */
export type Script = (seen: Seen, response: ServerResponse) => void | Promise<void>

export interface ModelServer {
  readonly url: string
  readonly seen: Seen[]
  /** Only requests that make a model work. */
  readonly posts: Seen[]
  script: Script
  /** What the models' own files set, a name and a value a line. */
  parameters: string
  close(): Promise<void>
}

const folder = new URL('../fixtures/wire/', import.meta.url)
const recordings = new Map(
  readdirSync(folder).map((file) => {
    const recorded = JSON.parse(readFileSync(new URL(file, folder), 'utf8')) as Recorded
    return [recorded.name, recorded]
  }),
)

export function recorded(name: string): Recorded {
  const found = recordings.get(name)
  if (!found) throw new Error(`there is no recording ${name}`)
  return found
}

export const allRecorded: readonly Recorded[] = [...recordings.values()]

/** The text of a recorded answer. */
export function recordedText(name: string): string {
  return recorded(name)
    .response.chunks.map(({ text }) => text)
    .join('')
}

/** Plays a recording, in the pieces it came in. */
export const play = (name: string, response: ServerResponse): Promise<void> =>
  playRecorded(recorded(name), response)

export async function playRecorded(one: Recorded, response: ServerResponse): Promise<void> {
  const { status, headers, chunks } = one.response
  const kept = headers.filter(([key]) => !/^(content-length|transfer-encoding|connection)$/i.test(key))
  response.writeHead(status, Object.fromEntries(kept))
  for (const { text } of chunks) {
    response.write(text)
    await new Promise(setImmediate)
  }
  response.end()
}

const lists: Readonly<Record<string, string>> = {
  '/api/tags': 'tags',
  '/api/ps': 'ps',
  '/api/version': 'version',
  '/v1/models': 'v1-models',
}

/** What `/api/show` tells, in short: the recorded answer is 24 KB of licence. */
const shown = {
  modelfile: 'FROM /models/blobs/sha256-0000',
  template: '{{ .Prompt }}',
  system: 'Keep this to yourself.',
  details: { format: 'gguf', family: 'llama', parameter_size: '134.52M' },
  capabilities: ['completion', 'tools'],
}

/** What a real Ollama with `smollm2:135m` and `all-minilm` would answer. */
export const likeOllama: Script = async ({ url, json }, response) => {
  const list = lists[url]
  if (list !== undefined) return play(list, response)
  const streams = url.startsWith('/api/') ? json.stream !== false : json.stream === true
  const usage = (json.stream_options as { include_usage?: boolean } | undefined)?.include_usage === true
  switch (url) {
    case '/':
      response.end('Ollama is running')
      return undefined
    case '/api/chat':
      return play(streams ? 'chat-stream' : 'chat-whole', response)
    case '/api/generate':
      return play(streams ? 'generate-stream' : 'generate-whole', response)
    case '/api/embed':
      return play('embed-one', response)
    case '/api/embeddings':
      return play('embeddings-old', response)
    case '/v1/chat/completions':
      return play(streams ? (usage ? 'v1-chat-stream-usage' : 'v1-chat-stream') : 'v1-chat-whole', response)
    case '/v1/completions':
      return play(streams ? 'v1-completions-stream' : 'v1-completions-whole', response)
    case '/v1/embeddings':
      return play(json.encoding_format === 'base64' ? 'v1-embeddings-base64' : 'v1-embeddings', response)
    case '/v1/responses':
      return play(streams ? 'v1-responses-stream' : 'v1-responses-whole', response)
    case '/v1/messages':
      return play(streams ? 'v1-messages-stream' : 'v1-messages-whole', response)
    case '/api/show':
      response.writeHead(200, { 'content-type': 'application/json; charset=utf-8' })
      response.end(JSON.stringify(shown))
      return undefined
    default:
      response.writeHead(404, { 'content-type': 'text/plain' })
      response.end('404 page not found')
      return undefined
  }
}

/**
 * What makes the model work waits, from now on, until it is let go.
 * @returns one function for each that waits, which lets it go
 */
export function holdPosts(model: ModelServer, script: Script = likeOllama): (() => void)[] {
  const waiting: (() => void)[] = []
  model.script = async (seen, response) => {
    if (seen.method === 'POST') await new Promise<void>((resolve) => waiting.push(resolve))
    await script(seen, response)
  }
  return waiting
}

export async function startModelServer(script: Script = likeOllama): Promise<ModelServer> {
  const seen: Seen[] = []
  const posts: Seen[] = []
  const server = createServer((request, response) => {
    const pieces: Buffer[] = []
    const left = new Promise<void>((resolve) => {
      response.on('close', () => {
        if (!response.writableFinished) resolve()
      })
    })
    request.on('data', (piece: Buffer) => pieces.push(piece))
    request.on('end', () => {
      const text = Buffer.concat(pieces).toString('utf8')
      const { method = '', url = '', headers } = request
      // What the gate asks for itself, before a prompt.
      if (url === '/api/show' && headers.traceparent === undefined) {
        response.setHeader('content-type', 'application/json')
        return void response.end(JSON.stringify({ parameters: model.parameters }))
      }
      const one = { method, url, headers, text, json: parsed(text), left }
      seen.push(one)
      if (method === 'POST') posts.push(one)
      void model.script(one, response)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const model: ModelServer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    posts,
    script,
    parameters: '',
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
  return model
}

function parsed(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>
  } catch {
    return {}
  }
}
