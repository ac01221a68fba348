/**
 * The strings of a response that are no output of the model, as far as the API documents: ids, finish reasons, unknown
 * fields. A malicious server can write anything there, so they pass the output filter too, each as a whole. A string that
 * repeats in every frame is read once.
 */
import type { JsonObject, JsonValue } from '../../core/json.ts'
import type { ModelNames } from '../dialect.ts'
import type { Edits, OutputFilter, TextKind } from './output-filter.ts'
import { malformed } from './response-schema.ts'
import type { Transcript } from './transcript.ts'

/** Members that hold images or vectors, which no guard reads. */
const noTexts = new Set(['b64_json', 'image', 'images', 'partial_image_b64', 'embedding', 'embeddings'])
const base64 = /^(?:data:[\w.+-]{1,40}\/[\w.+-]{1,40};base64,)?[A-Za-z0-9+/_-]*={0,2}$/
/** UTF-16 code units; a shorter string could be a credential. */
const minMediaLength = 512
/** Words such as `chat.completion.chunk` and timestamps, which can hold no secret. */
const plain = /^(?:[a-z][a-z_.]{0,47}|\d{4}-\d\d-\d\dT[\d:.]{5,20}(?:Z|[+-]\d\d:\d\d))$/
const maxRemembered = 128
/** UTF-16 code units of an id; a longer string with white space is a text. */
const maxIdLength = 64
/** Of one frame, in places that the dialect does not read. */
const maxObjects = 50_000
const maxTexts = 20_000

/** Tells what of a member its dialect filters itself: `text` for its string, `objects` for everything in it. */
export type HandledElsewhere = (key: string, value: JsonValue) => 'text' | 'objects' | undefined

/** Filters the other strings of one response. */
export class OtherTexts {
  readonly #edits: Edits
  readonly #transcript: Transcript | undefined
  readonly #passed: Set<string>
  readonly #passedKeys = new Set<string>()
  #objectCount = 0
  #textCount = 0
  /** The last string of each member, because in a stream most repeat in every frame. */
  readonly #lastTexts = new Map<string, string>()

  /** @param transcript records texts; undefined for texts that only repeat the request */
  constructor(edits: Edits, transcript: Transcript | undefined, { asked, served }: ModelNames) {
    this.#edits = edits
    this.#transcript = transcript
    this.#passed = new Set([asked, served])
  }

  /** Begins another frame. */
  begin(): void {
    this.#objectCount = 0
    this.#textCount = 0
  }

  /** Whether the filter was asked about nothing in this frame, so that it need not be asked about the same strings again. */
  get isQuiet(): boolean {
    return this.#textCount === 0
  }

  /** Filters the members of an object in place, at every depth, except those that the dialect filters itself. */
  filterMembers(holder: JsonObject, filter: OutputFilter, elsewhere: HandledElsewhere = handledHere): void {
    for (const key in holder) {
      const value = holder[key]
      const last = typeof value === 'string' ? this.#lastTexts.get(key) : undefined
      // The key of a member that was seen before has passed.
      if (last === undefined && this.dropsKey(holder, key, filter)) continue
      if (typeof value === 'string') {
        if (last !== value) this.#edits.put(holder, key, value, this.#filtered(key, value, filter, elsewhere))
      } else if (typeof value === 'object' && value !== null) {
        const isElsewhere = elsewhere(key, value) === 'objects'
        if (Array.isArray(value)) {
          if (!noTexts.has(key) || value.some((item) => typeof item === 'string' && !isBase64Media(item)))
            this.#filterItems(value, filter, isElsewhere)
        } else if (!isElsewhere) this.#filterNested(value, filter)
      }
    }
  }

  /** @param but the objects in the list are filtered elsewhere */
  #filterItems(items: JsonValue[], filter: OutputFilter, but: boolean): void {
    // Without an iterator and its allocations: vectors are long, and most items are no text.
    for (let index = 0; index < items.length; index++) {
      const item = items[index]
      if (typeof item === 'string')
        this.#edits.putItem(items, index, item, this.#filtered(`${index}`, item, filter, handledHere))
      else if (Array.isArray(item)) {
        this.#countObject()
        this.#filterItems(item, filter, false)
      } else if (typeof item === 'object' && item !== null && !but) this.#filterNested(item, filter)
    }
  }

  /** Recurses; `response-schema.ts` has bounded the depth. */
  #filterNested(object: JsonObject, filter: OutputFilter): void {
    this.#countObject()
    this.filterMembers(object, filter)
  }

  #countObject(): void {
    if (++this.#objectCount > maxObjects) malformed('a frame of too many objects')
  }

  /** @returns what may leave of a string, unless it is filtered elsewhere */
  #filtered(key: string, text: string, filter: OutputFilter, elsewhere: HandledElsewhere): string {
    if (elsewhere(key, text) === 'text' || (noTexts.has(key) && isBase64Media(text))) return text
    if (!this.needsNoFilter(text)) {
      const isSaid = this.#transcript !== undefined && text.length > maxIdLength && /\s/.test(text)
      if (isSaid) this.#transcript?.addText('other', text)
      // Other strings are searched for secrets only, not for meaning.
      const judged = this.filterText('content', text, filter, !isSaid)
      if (judged !== text) return judged
    }
    if (text.length <= maxIdLength && this.#lastTexts.size < maxRemembered) this.#lastTexts.set(key, text)
    return text
  }

  /** Drops a member whose key does not pass, because a key can hold a text. @returns whether it was dropped */
  dropsKey(holder: JsonObject, key: string, filter: OutputFilter): boolean {
    if (this.#passedKeys.has(key)) return false
    const isOut = !plain.test(key) && this.filterText('content', key, filter, true) !== key
    if (isOut) this.#edits.drop(holder, key)
    else if (this.#passedKeys.size < maxRemembered) this.#passedKeys.add(key)
    return isOut
  }

  /** Tells whether a text can hold no secret, or has passed already. */
  needsNoFilter(text: string): boolean {
    return text === '' || plain.test(text) || this.#passed.has(text)
  }

  /** Filters one text. @returns what may leave of it @throws Refusal `upstream_failed` if a frame has too many */
  filterText(kind: TextKind, text: string, filter: OutputFilter, again: boolean): string {
    if (++this.#textCount > maxTexts) malformed('a frame of too many texts')
    const judged = filter.whole(kind, text, again)
    if (judged === text && text.length <= maxIdLength && this.#passed.size < maxRemembered)
      this.#passed.add(text)
    return judged
  }
}

/** Tells whether a string is long base64, in which no guard can read. */
export function isBase64Media(text: string): boolean {
  return text.length >= minMediaLength && base64.test(text)
}

const handledHere: HandledElsewhere = () => undefined
