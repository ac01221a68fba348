/** Reads one tool call, as Ollama and OpenAI write them. */
import type { Readable } from 'node:stream'
import { type JsonObject, type JsonValue, readJson } from '../core/json.ts'
import { maxStream } from './bounds.ts'
import { SandboxProblem } from './confinement.ts'

/** A call of a tool. */
export interface ToolCall {
  readonly name: string
  /** A JSON object. */
  readonly arguments: string
}

/** Reads a call from a stream of at most `maxStream` bytes. @throws SandboxProblem if it is too long or is none */
export async function readToolCall(input: Readable): Promise<ToolCall> {
  const pieces: Buffer[] = []
  let bytes = 0
  for await (const piece of input as AsyncIterable<Buffer>) {
    bytes += piece.length
    if (bytes > maxStream) throw new SandboxProblem('the tool call is too long, so no tool was run.')
    pieces.push(piece)
  }
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.concat(pieces))
    return callIn(readJson(text))
  } catch {
    throw new SandboxProblem(
      'standard input is not one tool call such as {"name":"…","arguments":{…}}, so no tool was run.',
    )
  }
}

/** @throws Error if it is none */
function callIn(value: JsonValue): ToolCall {
  const outer = objectIn(value)
  // Two names could be read as two calls.
  if ('function' in outer && ('name' in outer || 'arguments' in outer)) throw new Error('ambiguous')
  const call = 'function' in outer ? objectIn(outer.function) : outer
  const { name, arguments: given } = call
  if (typeof name !== 'string') throw new Error('no name')
  const parsed = objectIn(typeof given === 'string' ? readJson(given) : given)
  return { name, arguments: JSON.stringify(parsed) }
}

function objectIn(value: JsonValue | undefined): JsonObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error('no object')
  return value
}
