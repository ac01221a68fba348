/**
 * Responses that are embeddings. A short one is read like any other. Of a long one the numbers are checked and forwarded
 * as they arrive (`framing/vectors.ts`), and the dialect's reader gets the rest, of which it may change the model's name
 * only, because most of the response has left.
 */
import { parse } from '../../core/json.ts'
import type { Usage } from '../../core/usage.ts'
import type { ModelNames, ResponseReader } from '../dialect.ts'
import { framingOf } from '../framing/content-type.ts'
import { wholeDocument } from '../framing/document.ts'
import type { Frame, Framing } from '../framing/framing.ts'
import { concatBytes, type ModelRename, VectorStream } from '../framing/vectors.ts'
import type { FilteredFrames, OutputFilter } from './output-filter.ts'
import { malformed } from './response-schema.ts'

/** Bytes; the vectors of a few dozen texts. */
const long = 512 * 1024

/** Reads one response of embeddings. */
export class EmbeddingResponseReader implements ResponseReader {
  readonly #reader: ResponseReader
  readonly #names: ModelNames
  #isWrong = false

  /** @param reader of the dialect's responses */
  constructor(reader: ResponseReader, names: ModelNames) {
    this.#reader = reader
    this.#names = names
  }

  get state(): ResponseReader['state'] {
    return this.#isWrong ? 'failed' : this.#reader.state
  }

  get usage(): Usage | undefined {
    return this.#reader.usage
  }

  get transcript(): ResponseReader['transcript'] {
    return this.#reader.transcript
  }

  framing(contentType: string): Framing {
    const usual = framingOf(contentType)
    if (usual !== wholeDocument) return usual
    const { served: from, asked: to } = this.#names
    return {
      ...wholeDocument,
      encode: ({ data, bytes }) => bytes ?? data,
      split: (onFrame) => split({ from, to }, onFrame),
    }
  }

  frame(frame: Frame, filter: OutputFilter): FilteredFrames {
    if (frame.bytes === undefined) return this.#reader.frame(frame, filter)
    const { data: outline, bytes } = frame
    // A piece of vectors; the outline comes with the last one.
    if (outline === '') return frame
    const passed = this.#reader.frame({ data: outline }, filter)
    if (this.#reader.state !== 'ended') this.#isWrong = true
    else if (!passed || !('data' in passed) || !isSame(outline, passed.data))
      malformed('more beside vectors than may pass')
    return { data: '', bytes }
  }
}

function isSame(one: string, other: string): boolean {
  return one === other || JSON.stringify(parse(one)) === JSON.stringify(parse(other))
}

function split(renaming: ModelRename, onFrame: (frame: Frame) => void) {
  const usual = wholeDocument.split(onFrame)
  let vectors: VectorStream | undefined
  let isRead = 0
  let early: Uint8Array[] = []
  return {
    get held() {
      return vectors ? 0 : isRead
    },
    push(bytes: Uint8Array) {
      isRead += bytes.length
      // Copied, because the caller may reuse the memory.
      if (!vectors && isRead <= long) return void early.push(Uint8Array.from(bytes))
      const piece = vectors ? bytes : concatBytes([...early, bytes])
      early = []
      vectors ??= new VectorStream(renaming)
      const out = vectors.push(piece)
      if (out.length > 0) onFrame({ data: '', bytes: out })
    },
    end() {
      if (vectors) return onFrame({ data: vectors.outline(), bytes: lastBrace })
      for (const piece of early) usual.push(piece)
      usual.end()
    },
  }
}

const lastBrace = new TextEncoder().encode('}')
