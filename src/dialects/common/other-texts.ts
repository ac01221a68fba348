/**
 * The strings of an answer that are no words of the model, as far as its API's document says: ids, reasons, quotations,
 * fields that nobody has heard of. Whoever writes the answer can write there what they like, so they go through the
 * passage like its words, each whole. What an answer says in every frame is read once.
 */
import type { JsonObject, JsonValue } from '../../core/json.ts'
import type { ModelNames } from '../dialect.ts'
import type { Edits, OutputFilter, TextKind } from './output-filter.ts'
import { malformed } from './response-schema.ts'
import type { Transcript } from './transcript.ts'

/** Pictures, sound and vectors, in which a guard has nothing to read, if that is what they are. */
const noTexts = new Set(['b64_json', 'image', 'images', 'partial_image_b64', 'embedding', 'embeddings'])
const base64 = /^(?:data:[\w.+-]{1,40}\/[\w.+-]{1,40};base64,)?[A-Za-z0-9+/_-]*={0,2}$/
/** UTF-16 code units; a shorter one may as well be a key. */
const minOfPicture = 512
/** Words such as `chat.completion.chunk`, and moments in time: they say nothing. */
const plain = /^(?:[a-z][a-z_.]{0,47}|\d{4}-\d\d-\d\dT[\d:.]{5,20}(?:Z|[+-]\d\d:\d\d))$/
const maxRemembered = 128
/** Of an id; what is longer and has blanks is a text. */
const maxIdLength = 64
/** Of one frame, that stand where nobody looks for any. */
const maxObjects = 50_000
const maxTexts = 20_000

/** What of a member somebody else reads: its string, or it and what it holds. */
export type HandledElsewhere = (key: string, value: JsonValue) => 'text' | 'objects' | undefined

export class OtherTexts {
  readonly #edits: Edits
  readonly #transcript: Transcript | undefined
  readonly #read: Set<string>
  readonly #keys = new Set<string>()
  #objects = 0
  #texts = 0
  /** What each member said last, for in a stream most say the same again and again. */
  readonly #last = new Map<string, string>()

  /** @param transcript for what is said there; without one it is what the request has said, told again */
  constructor(edits: Edits, transcript: Transcript | undefined, { asked, served }: ModelNames) {
    this.#edits = edits
    this.#transcript = transcript
    this.#read = new Set([asked, served])
  }

  /** Another frame has come. */
  begin(): void {
    this.#objects = 0
    this.#texts = 0
  }

  /** Judges the members of an object, at whatever depth, and puts them in place; but for what is read elsewhere. */
  filterMembers(holder: JsonObject, filter: OutputFilter, elsewhere: HandledElsewhere = handledHere): void {
    for (const key in holder) {
      const value = holder[key]
      const last = typeof value === 'string' ? this.#last.get(key) : undefined
      // What has said something before has a name that was judged.
      if (last === undefined && this.dropsKey(holder, key, filter)) continue
      if (typeof value === 'string') {
        if (last !== value) this.#text(holder, key, value, filter, elsewhere)
      } else if (typeof value === 'object' && value !== null) {
        const isElsewhere = elsewhere(key, value) === 'objects'
        if (Array.isArray(value)) {
          if (!noTexts.has(key) || value.some((item) => typeof item === 'string' && !isBase64Media(item)))
            this.#items(value, filter, isElsewhere)
        } else if (!isElsewhere) this.#below(value, filter)
      }
    }
  }

  /** @param but its objects, which are read elsewhere */
  #items(items: JsonValue[], filter: OutputFilter, but: boolean): void {
    // Asked for every frame, and vectors are long: nothing is made for what is no text.
    for (let index = 0; index < items.length; index++) {
      const item = items[index]
      // An array is an object whose keys are numbers, as far as this goes.
      if (typeof item === 'string')
        this.#text(items as unknown as JsonObject, `${index}`, item, filter, handledHere)
      else if (Array.isArray(item)) {
        this.#count()
        this.#items(item, filter, false)
      } else if (typeof item === 'object' && item !== null && !but) this.#below(item, filter)
    }
  }

  /** What is too deep, nobody has read until here (`answer-form.ts`). */
  #below(object: JsonObject, filter: OutputFilter): void {
    this.#count()
    this.filterMembers(object, filter)
  }

  #count(): void {
    if (++this.#objects > maxObjects) malformed('a frame of too many objects')
  }

  #text(
    holder: JsonObject,
    key: string,
    text: string,
    filter: OutputFilter,
    elsewhere: HandledElsewhere,
  ): void {
    if (elsewhere(key, text) === 'text' || (noTexts.has(key) && isBase64Media(text))) return
    if (!this.needsNoFilter(text)) {
      const isSaid = this.#transcript !== undefined && text.length > maxIdLength && /\s/.test(text)
      if (isSaid) this.#transcript?.say('other', text)
      // Anything else is looked through for what must not leave, and not for what it might mean.
      const judged = this.read('content', text, filter, !isSaid)
      this.#edits.put(holder, key, text, judged)
      if (judged !== text) return
    }
    if (text.length <= maxIdLength && this.#last.size < maxRemembered) this.#last.set(key, text)
  }

  /** A name can be a text, too. @returns whether it was one that does not leave, and its member with it */
  dropsKey(holder: JsonObject, key: string, filter: OutputFilter): boolean {
    if (this.#keys.has(key)) return false
    const isOut = !plain.test(key) && this.read('content', key, filter, true) !== key
    if (isOut) this.#edits.drop(holder, key)
    else if (this.#keys.size < maxRemembered) this.#keys.add(key)
    return isOut
  }

  /** Whether nobody needs to read it, for what it says or because it was read. */
  needsNoFilter(text: string): boolean {
    return text === '' || plain.test(text) || this.#read.has(text)
  }

  /** @returns what is left of a text @throws Refusal `upstream_failed` where there are too many */
  read(kind: TextKind, text: string, filter: OutputFilter, again: boolean): string {
    if (++this.#texts > maxTexts) malformed('a frame of too many texts')
    const judged = filter.whole(kind, text, again)
    if (judged === text && text.length <= maxIdLength && this.#read.size < maxRemembered) this.#read.add(text)
    return judged
  }
}

/** Whether a guard has nothing to read in it. */
export function isBase64Media(text: string): boolean {
  return text.length >= minOfPicture && base64.test(text)
}

const handledHere: HandledElsewhere = () => undefined
