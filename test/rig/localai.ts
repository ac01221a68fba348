/** A scripted LocalAI: plays recorded exchanges of a real one (`test/fixtures/localai`, v4.9 with its test backend). */
import { readdirSync, readFileSync } from 'node:fs'
import { playRecorded, type Recorded, type Script } from './model-server.ts'

const folder = new URL('../fixtures/localai/', import.meta.url)
const recordings = new Map(
  readdirSync(folder).map((file) => {
    const recorded = JSON.parse(readFileSync(new URL(file, folder), 'utf8')) as Recorded
    return [recorded.name, recorded]
  }),
)

export function recordedLocalai(name: string): Recorded {
  const found = recordings.get(name)
  if (!found) throw new Error(`there is no recording ${name}`)
  return found
}

export const allRecordedLocalai: readonly Recorded[] = [...recordings.values()]

export const playLocalai =
  (name: string): Script =>
  (_seen, response) =>
    playRecorded(recordedLocalai(name), response)

const wav = Buffer.from('RIFF....WAVEfmt ')

const whole: Readonly<Record<string, string>> = {
  '/api/tags': 'api-tags',
  '/api/ps': 'api-ps',
  '/api/version': 'api-version',
  '/api/show': 'api-show',
  '/api/embed': 'api-embed',
  '/v1/models': 'v1-models',
  '/v1/embeddings': 'embeddings',
  '/v1/rerank': 'rerank',
  '/v1/tokenize': 'tokenize',
  '/v1/moderations': 'moderations',
  '/v1/audio/transcriptions': 'transcriptions',
}
/** Streamed and whole. */
const either: Readonly<Record<string, readonly [string, string]>> = {
  '/api/chat': ['api-chat', 'api-chat-whole'],
  '/v1/chat/completions': ['chat-stream', 'chat'],
  '/v1/completions': ['completions-stream', 'completions'],
  '/v1/messages': ['messages-stream', 'messages'],
  '/v1/responses': ['responses-stream', 'responses'],
}

export const likeLocalai: Script = (seen, response) => {
  const { url, json } = seen
  const one = whole[url]
  if (one !== undefined) return playLocalai(one)(seen, response)
  const streams = url.startsWith('/api/') ? json.stream !== false : json.stream === true
  const two = either[url]
  if (two) return playLocalai(two[streams ? 0 : 1])(seen, response)
  if (url === '/v1/images/generations')
    return playLocalai(json.response_format === 'b64_json' ? 'images-b64' : 'images')(seen, response)
  if (url === '/tts' || url === '/v1/audio/speech') {
    response.writeHead(200, {
      'content-type': 'audio/wav',
      'content-disposition': 'attachment; filename="tts_3.wav"',
    })
    response.end(wav)
    return undefined
  }
  response.writeHead(404, { 'content-type': 'application/json' })
  response.end('{"error":{"code":404,"message":"Resource not found","type":""}}')
  return undefined
}
