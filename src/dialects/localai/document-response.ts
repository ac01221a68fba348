/**
 * Responses that are one document and no conversation: JSON (rankings, moderations, images, transcripts) or plain text
 * (subtitles). URLs of the model server are removed, because no client can reach it.
 */
import { isObject, type JsonObject, type JsonValue, parse } from '../../core/json.ts'
import { type Usage, usageOf } from '../../core/usage.ts'
import { isBase64Media } from '../common/other-texts.ts'
import type { OutputFilter } from '../common/output-filter.ts'
import { withRequestedModel } from '../common/requested-model.ts'
import { Transcript } from '../common/transcript.ts'
import type { ModelNames, ResponseReader } from '../dialect.ts'
import { framingOf, mediaTypeOf } from '../framing/content-type.ts'
import { wholeDocument } from '../framing/document.ts'
import type { Frame, Framing } from '../framing/framing.ts'

const plainTypes = new Set(['text/plain', 'text/vtt', 'application/x-subrip'])

/** Reads one such response. */
export class DocumentResponseReader implements ResponseReader {
  state: ResponseReader['state'] = 'open'
  usage: Usage | undefined
  readonly transcript = new Transcript()
  readonly #names: ModelNames
  #plain = false

  constructor(names: ModelNames) {
    this.#names = names
  }

  framing(contentType: string): Framing {
    const type = mediaTypeOf(contentType)
    this.#plain = plainTypes.has(type)
    return this.#plain ? { ...wholeDocument, contentType: `${type}; charset=utf-8` } : framingOf(contentType)
  }

  frame(frame: Frame, filter: OutputFilter): Frame | undefined {
    this.state = 'ended'
    if (this.#plain) {
      this.transcript.addText('content', frame.data)
      return { ...frame, data: filter.whole('content', frame.data) }
    }
    const document = parse(frame.data)
    if (!isObject(document) || document.error !== undefined) {
      this.state = 'failed'
      return undefined
    }
    if (typeof document.text === 'string') this.transcript.addText('content', document.text)
    this.#count(document.usage)
    return { data: JSON.stringify(judged(this.#presentable(document), filter)) }
  }

  #count(usage: JsonValue | undefined): void {
    if (!isObject(usage)) return
    const input = usage.input_tokens ?? usage.prompt_tokens ?? 0
    this.usage = usageOf(input, usage.output_tokens ?? usage.completion_tokens ?? 0)
  }

  #presentable(document: JsonObject): JsonObject {
    const renamed = withRequestedModel(document, this.#names)
    if (!Array.isArray(document.data)) return renamed
    return { ...renamed, data: document.data.map(withoutUrl) }
  }
}

/** Filters all strings. @param names keys that have passed */
function judged(value: JsonValue, filter: OutputFilter, names = new Set<string>()): JsonValue {
  if (typeof value === 'string') return filter.whole('content', value)
  if (Array.isArray(value)) return value.map((each) => judged(each, filter, names))
  if (!isObject(value)) return value
  const isClean = (name: string) => {
    if (!names.has(name) && filter.whole('content', name) === name) names.add(name)
    return names.has(name)
  }
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name]) => isClean(name))
      .map(([name, member]) => {
        const isSeen = name === 'b64_json' && typeof member === 'string' && isBase64Media(member)
        return [name, isSeen ? member : judged(member, filter, names)]
      }),
  )
}

function withoutUrl(entry: JsonValue): JsonValue {
  if (!isObject(entry)) return entry
  const isAddress = (value: JsonValue) =>
    typeof value === 'string' && /^(?:https?:)?\/\/?/.test(value.trimStart())
  return Object.fromEntries(
    Object.entries(entry).filter(([key, value]) => key === 'b64_json' || !isAddress(value)),
  )
}
