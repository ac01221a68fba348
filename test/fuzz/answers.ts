/**
 * Recorded answers, cut at random and cut off: how the bytes arrive must not change what is read, and an answer
 * without its end mark must not count as one. Servers that were never recorded are not covered.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { JsonObject } from '../../src/core/json.ts'
import { passThrough, toFrames } from '../../src/dialects/common/output-filter.ts'
import type { Exchange, ResponseReader } from '../../src/dialects/dialect.ts'
import { dialects } from '../../src/dialects/dialects.ts'
import { framingOf } from '../../src/dialects/framing/content-type.ts'
import { ordersFor } from './property.ts'
import type { Random } from './random.ts'

interface Wire {
  readonly request: { readonly path: string; readonly body?: string }
  readonly response: {
    readonly status: number
    readonly headers: readonly (readonly [string, string])[]
    readonly chunks: readonly { readonly text: string }[]
  }
}

export interface Recording {
  readonly name: string
  readonly contentType: string
  readonly bytes: Uint8Array
  /** Where the end mark is complete; undefined: it never came. */
  readonly endsAt: number | undefined
  reader(): ResponseReader
}

// Not beside this file when it runs compiled.
const folders = ['wire', 'localai'].map((folder) => join(process.cwd(), 'test/fixtures', folder))

/** Every successful answer to an exchange; each once more with longer characters put in. */
export function recordings(): Recording[] {
  return folders.flatMap((folder) => readdirSync(folder).flatMap((file) => recordingsIn(folder, file)))
}

function recordingsIn(folder: string, file: string): Recording[] {
  const { request, response } = JSON.parse(readFileSync(join(folder, file), 'utf8')) as Wire
  const path = request.path.split('?', 1)[0]
  const endpoint = dialects
    .flatMap(({ endpoints }) => endpoints)
    .find((each): each is Exchange => each.kind === 'exchange' && each.path === path)
  if (!endpoint || endpoint.answer || endpoint.form || response.status !== 200) return []
  const asked = JSON.parse(request.body ?? '{}') as JsonObject
  const orders = { ...ordersFor('ollama', 1), model: String(asked.model) }
  // Asked under another name, so that frames are rewritten too.
  const reader = () =>
    endpoint.prepare(endpoint.read({ ...structuredClone(asked), model: 'asked' }, new Set()), orders).reader
  const type = response.headers.find(([name]) => name.toLowerCase() === 'content-type')?.[1] ?? ''
  const text = response.chunks.map((chunk) => chunk.text).join('')
  return [text, text.replace(/" (?=[A-Za-z])/g, '" ü€😀 ')].map((each, index) => ({
    name: index === 0 ? file : `${file} with longer characters`,
    contentType: type,
    bytes: Buffer.from(each),
    endsAt: endOf(each, type),
    reader,
  }))
}

const marks = ['data: [DONE]', '"type":"message_stop"', '"type":"response.completed"', '"done":true']

/** Found without the code under test. */
function endOf(text: string, contentType: string): number | undefined {
  const streams = /event-stream|ndjson/.test(contentType)
  const whole = Buffer.byteLength(text.trimEnd())
  if (!streams) return whole
  // LocalAI puts end marks behind failures, and `[DONE]` behind an end mark of its own.
  if (/"error":\{|"done_reason":"error"/.test(text)) return undefined
  const found = marks.map((mark) => text.lastIndexOf(mark)).filter((at) => at !== -1)
  if (found.length === 0) return undefined
  const from = Math.min(...found)
  // An event ends with its blank line, a line with its last brace.
  return contentType.includes('ndjson')
    ? whole
    : Buffer.byteLength(text.slice(0, text.indexOf('\n\n', from) + 2))
}

export interface TextView {
  readonly frames: readonly (string | Uint8Array)[]
  readonly state: ResponseReader['state'] | 'unreadable'
  readonly usage: ResponseReader['usage']
  readonly text: string
  readonly calls: string
  readonly called: boolean
}

/** As `pipeline/response/relay.ts` does: nothing is read behind the end. */
export function readAnswer(recording: Recording, pieces: Iterable<Uint8Array>): TextView {
  const reader = recording.reader()
  const framing = reader.framing?.(recording.contentType) ?? framingOf(recording.contentType)
  const frames: (string | Uint8Array)[] = []
  const splitter = framing.split((frame) => {
    if (reader.state === 'ended' || reader.state === 'failed') return
    for (const passed of toFrames(reader.frame(frame, passThrough))) frames.push(framing.encode(passed))
  })
  let unreadable = false
  try {
    for (const piece of pieces) splitter.push(piece)
    splitter.end()
  } catch {
    unreadable = true
  }
  const { text, toolCalls, called } = reader.transcript
  const state = unreadable ? 'unreadable' : reader.state
  return { frames, state, usage: reader.usage, text, calls: JSON.stringify(toolCalls), called }
}

/** @throws Error if the answer is read differently in other pieces */
export function cutAtRandom(recording: Recording, rng: Random): void {
  const { bytes, name } = recording
  const whole = JSON.stringify(readAnswer(recording, [bytes]))
  const largest = rng.pick([1, 2, 3, 7, 40, 400])
  const pieces: Uint8Array[] = []
  for (let at = 0; at < bytes.length; ) {
    const end = at + rng.between(1, largest)
    pieces.push(Buffer.from(bytes.subarray(at, end)))
    at = end
  }
  if (JSON.stringify(readAnswer(recording, overwritten(pieces))) !== whole)
    throw new Error(`${name} is read differently in pieces of at most ${largest} bytes`)
  const at = rng.below(recording.endsAt ?? bytes.length)
  cutOff(recording, at)
}

/** Gives each piece away once and then spoils it, as a socket's buffer is used again. */
function* overwritten(pieces: readonly Uint8Array[]): Generator<Uint8Array> {
  for (const piece of pieces) {
    yield piece
    piece.fill(0x21)
  }
}

/** @throws Error if an answer that stops at this byte, before its end mark, passes for one that ended */
export function cutOff(recording: Recording, at: number): void {
  const { state } = readAnswer(recording, [recording.bytes.slice(0, at)])
  if (state === 'ended') throw new Error(`${recording.name} counts as ended when cut at byte ${at}`)
}
