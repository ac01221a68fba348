/** What is noted while a body is read: every text that reaches the model, and what the pipeline decides by. */
import type { JsonObject, JsonValue } from '../../core/json.ts'
import type { Channel, Text } from '../../core/text.ts'
import type { Feature, Prompt, SharedItems, ToolResult } from '../dialect.ts'

/** Of a dropped field, as it is noted. */
export const maxPath = 512

/** What was noted while a body was read. */
export class Notes {
  readonly texts: Text[] = []
  readonly tools: string[] = []
  /** Of tools, as they are forwarded. */
  readonly definitions: JsonObject[] = []
  readonly results: ToolResult[] = []
  readonly documents: JsonObject[] = []
  readonly dropped: string[] = []
  readonly clamped: string[] = []
  /** What the caller is told that it was dropped. */
  readonly leftOut = new Set<string>()
  readonly unread = new Set<string>()
  readonly counts = { images: 0, imageBytes: 0, inputs: 0, stops: 0, schema: 0 }
  /** As in `Prompt`. */
  answerSchema: JsonObject | true | undefined
  readonly allowed: ReadonlySet<Feature>
  readonly shared: SharedItems | undefined
  readonly #names: string[] = []
  /** The name of the called tool, by the id of the call. */
  readonly #calls = new Map<string, string>()
  /** The tools of calls that were asked for and stand outside of what is read here. */
  readonly #asked = new Map<string, string | undefined>()
  readonly #around: Notes | undefined
  /** Whether nothing was noted but texts, names, tools, definitions, calls and results. */
  #isPlain = false

  /**
   * @param shared items that were read before
   * @param around the notes of the body, if these are of one item
   */
  constructor(allowed: ReadonlySet<Feature>, shared?: SharedItems, around?: Notes) {
    this.allowed = allowed
    this.shared = shared
    this.#around = around
  }

  text(channel: Channel, text: string): void {
    if (text !== '') this.texts.push({ channel, text })
  }

  /** Notes a short string that reaches the model beside the texts: the name of a tool, the id of a call. */
  name(name: string): void {
    if (name !== '') this.#names.push(name)
  }

  /**
   * Marks the texts from this index on as parts of one message. Those of one channel are put behind each other, as
   * servers do, whatever is between them.
   */
  concatenate(from: number): void {
    const parts = this.texts.splice(from)
    for (const channel of new Set(parts.map((part) => part.channel))) {
      const [first, ...others] = parts.filter((part) => part.channel === channel)
      if (first) this.texts.push(first, ...others.map((part): Text => ({ ...part, glued: true })))
    }
  }

  /** Marks the texts from this index on as not part of the message, except those of the channel `speaking`. */
  setAside(from: number, speaking?: Channel): void {
    // Only what is new: a conversation may have thousands of messages.
    for (let index = from; index < this.texts.length; index++) {
      const text = this.texts[index]
      if (text && text.channel !== speaking) this.texts[index] = { ...text, aside: true }
    }
  }

  /** Remembers which tool a call is of, so that its result can be attributed to the tool. */
  noteCall(id: JsonValue | undefined, tool: JsonValue | undefined): void {
    if (typeof id === 'string' && typeof tool === 'string') this.#calls.set(id, tool)
  }

  /** Attributes the texts from this index on to the tool of a call. */
  attributeToCall(from: number, id: string): void {
    this.attributeTo(from, this.#calls.get(id) ?? this.#outside(id))
  }

  #outside(id: string): string | undefined {
    if (!this.#around) return undefined
    const tool = this.#around.#calls.get(id)
    this.#asked.set(id, tool)
    return tool
  }

  /** Attributes the texts from this index on to a tool, which they describe or which returned them. */
  attributeTo(from: number, tool: string | undefined): void {
    if (tool === undefined || tool === '') return
    for (let index = from; index < this.texts.length; index++) {
      const text = this.texts[index]
      if (text?.channel === 'tool' || text?.channel === 'definition') this.texts[index] = { ...text, tool }
    }
  }

  /** Tells whether an item would be read here as it was: what surrounds it decides only which call a result answers. */
  isAsAround(item: Notes): boolean {
    if (item.allowed !== this.allowed) return false
    if (item.#asked.size > 0)
      for (const [id, tool] of item.#asked) if (this.#calls.get(id) !== tool) return false
    return true
  }

  /** Adds what was noted of one item, which stands at `at` now and stood at `stoodAt`. */
  add(item: Notes, at: string, stoodAt: string): void {
    for (let index = 0; index < item.texts.length; index++) this.texts.push(item.texts[index] as Text)
    // Most items have nothing of the others, and a conversation may have thousands of items.
    if (item.#names.length > 0) this.#names.push(...item.#names)
    if (item.tools.length > 0) this.tools.push(...item.tools)
    if (item.definitions.length > 0) this.definitions.push(...item.definitions)
    if (item.results.length > 0) this.results.push(...item.results)
    if (item.#calls.size > 0) for (const [id, tool] of item.#calls) this.#calls.set(id, tool)
    if (item.#isPlain) return
    this.documents.push(...item.documents)
    this.clamped.push(...item.clamped)
    for (const path of item.dropped) this.drop(at + path.slice(stoodAt.length))
    for (const each of item.leftOut) this.leftOut.add(each)
    for (const each of item.unread) this.unread.add(each)
    const { counts } = this
    counts.images += item.counts.images
    counts.imageBytes += item.counts.imageBytes
    counts.inputs += item.counts.inputs
    counts.stops += item.counts.stops
    counts.schema = Math.max(counts.schema, item.counts.schema)
  }

  /** The item is read: its texts stand for themselves in later requests. */
  makeLasting(): void {
    const { documents, clamped, dropped, leftOut, unread, counts } = this
    this.#isPlain =
      [documents.length, clamped.length, dropped.length, leftOut.size, unread.size].every((n) => n === 0) &&
      Object.values(counts).every((count) => count === 0)
    for (const [index, text] of this.texts.entries()) this.texts[index] = { ...text, lasting: true }
  }

  /** Makes the prompt. The names become one text. */
  toPrompt(model: string, stream: boolean, body: JsonObject): Prompt {
    const names = this.#names.length === 0 ? [] : [this.#namesText(this.#names.join('\n'))]
    const { tools, definitions, results, documents, counts, dropped, clamped } = this
    const unread = [...this.unread]
    const leftOut = [...this.leftOut]
    const texts = [...this.texts, ...names]
    return {
      model,
      stream,
      texts,
      tools,
      definitions,
      results,
      documents,
      counts,
      unread,
      dropped,
      leftOut,
      clamped,
      body,
      ...(this.answerSchema === undefined ? {} : { answerSchema: this.answerSchema }),
    }
  }

  #namesText(text: string): Text {
    return this.shared?.names(text) ?? { channel: 'definition', text }
  }

  drop(path: string): void {
    // Enough to explain a request: a body with a million unknown keys must not become a record of that size.
    if (this.dropped.length < 32) this.dropped.push(path.slice(0, maxPath))
  }
}
