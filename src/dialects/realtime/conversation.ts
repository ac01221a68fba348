/**
 * What the gateway knows of a session: its settings and the items of its conversation, as the client has sent them, without
 * their sound. Every text that the model sees is judged with all others, like the body of a chat request.
 */
import { isObject, type JsonObject, type JsonValue, objectsIn } from '../../core/json.ts'
import { Refusal } from '../../core/refusal.ts'
import type { ClientEvent } from './client-events.ts'
import { merged } from './settings.ts'

/** Ids of items of the server: above these, a client's items may have no ids of their own. */
const maxForeign = 4096

/** The conversation of one session. */
export class Conversation {
  settings: JsonObject = {}
  #items: JsonObject[] = []
  /** Whether there was sound, which no guard reads. */
  hasSound = false
  /** Items that were spoken and that no accepted request has held yet. */
  #spoken = new Set<string>()
  /** Ids of items that the server has and that are not kept here. */
  #foreign = new Set<string>()
  readonly #freshId: () => string

  /** @param freshId makes the ids of items without one */
  constructor(freshId: () => string) {
    this.#freshId = freshId
  }

  /** Returns everything that the model would see after an event, as the body of a request. */
  body(model: string, event?: ClientEvent): JsonObject {
    const { session, item, response } = event?.body ?? {}
    const body: JsonObject = { model, session: this.settings, items: this.#items }
    if (this.hasSound || event?.hasSound) body.sound = true
    if (isObject(session)) {
      // What the update replaces is no longer seen.
      const { audio: _, ...replaced } = session
      body.session = without(this.settings, Object.keys(replaced))
      body.update = session
    }
    if (isObject(item)) body.items = [...this.#items, silent(item)]
    if (isObject(response)) body.response = response
    return body
  }

  /**
   * Has every item be the only one of its id: a server deletes the first of several, and the others would be forgotten here.
   * @throws Refusal `invalid_request`
   */
  requireFreshIds({ body: { item, response } }: ClientEvent): void {
    const input = isObject(response) ? objectsIn(response.input) : []
    const ids = [...objectsIn([item ?? null]), ...input].flatMap(({ id }) =>
      typeof id === 'string' ? [id] : [],
    )
    const isFresh = new Set(ids).size === ids.length && ids.every((id) => !this.#isKnown(id))
    if (!isFresh)
      throw new Refusal('invalid_request', { say: 'An item of this id is in the conversation already.' })
  }

  /** Notes an item of the server. */
  meet(id: string): void {
    if (id !== '' && !this.find(id) && this.#foreign.size < maxForeign) this.#foreign.add(id)
  }

  /** Notes that the server has deleted an item. */
  deleted(id: string): void {
    if (!this.#foreign.delete(id)) this.remove(id)
  }

  #isKnown(id: string): boolean {
    return this.#foreign.size >= maxForeign || this.#foreign.has(id) || this.find(id) !== undefined
  }

  /** Gives an item its id, so that it can be found again. */
  name(event: ClientEvent): void {
    const { item } = event.body
    if (isObject(item)) item.id ??= this.#freshId()
  }

  /** Notes an event that was accepted. */
  accept({ type, body, hasSound }: ClientEvent): void {
    if (hasSound) this.hasSound = true
    if (type === 'session.update' && isObject(body.session)) {
      const { model: _, ...settings } = body.session
      this.settings = merged(this.settings, settings)
    }
    if (type === 'conversation.item.create' && isObject(body.item))
      this.#insert(body.item, body.previous_item_id)
    if (type === 'response.create' && isObject(body.response))
      for (const item of objectsIn(body.response.input)) this.#items.push(silent(item))
  }

  /** Notes what a person has said, as the server has understood it. */
  heard(id: string, transcript: string): void {
    this.remove(id)
    this.#foreign.delete(id)
    this.#items.push({
      type: 'message',
      id,
      role: 'user',
      content: [{ type: 'input_audio', transcript }],
    })
    this.#spoken.add(id)
  }

  /** What was spoken so far was judged and accepted. */
  acceptSpoken(): void {
    this.#spoken.clear()
  }

  /** Forgets what was spoken and not accepted. @returns the ids of its items */
  dropSpoken(): string[] {
    const ids = [...this.#spoken]
    for (const id of ids) {
      this.remove(id)
      // Until the server has deleted it.
      this.#foreign.add(id)
    }
    return ids
  }

  /** Returns the item with this id, as the client has sent it. */
  find(id: string): JsonObject | undefined {
    return this.#items.find((item) => item.id === id)
  }

  remove(id: string): void {
    this.#spoken.delete(id)
    this.#items = this.#items.filter((item) => item.id !== id)
  }

  #insert(item: JsonObject, behind: JsonValue | undefined): void {
    const at = behind === 'root' ? 0 : this.#items.findIndex(({ id }) => id === behind) + 1
    const isKnown = behind === 'root' || at > 0
    this.#items.splice(isKnown ? at : this.#items.length, 0, silent(item))
  }
}

/** Returns an item without its sound. */
function silent(item: JsonObject): JsonObject {
  if (!Array.isArray(item.content)) return item
  const content = item.content.map((part) => (isObject(part) ? without(part, ['audio']) : part))
  return { ...item, content }
}

function without(from: JsonObject, keys: readonly string[]): JsonObject {
  return Object.fromEntries(Object.entries(from).filter(([key]) => !keys.includes(key)))
}
