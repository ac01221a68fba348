/**
 * Events of the model server. Those of a response go through its relay, with its guards; those between responses through the
 * guards of the session. A response that the server begins by itself, because someone has spoken, is judged like one that
 * was asked for: until it is, its events wait.
 */
import { isCrowded, isObject, type JsonObject, parse, refuseTwins, stringOf } from '../../core/json.ts'
import { asRefusal, Refusal } from '../../core/refusal.ts'
import { passThrough, toFrames } from '../../dialects/common/output-filter.ts'
import { formatOf } from '../../dialects/realtime/sound.ts'
import { createFrameBuffer } from '../response/frame-buffer.ts'
import { type LiveSession, turnPort } from './live-session.ts'
import { Turn } from './turn.ts'

/** Takes the events of one model server. */
export class ServerEvents {
  readonly #session: LiveSession
  readonly #buffer: ReturnType<typeof createFrameBuffer>
  /** The gateway's own `session.update` is answered first. */
  #isOwnUpdate = false

  constructor(session: LiveSession) {
    this.#session = session
    const filter = session.parts.request.responseGuard?.filter ?? passThrough
    this.#buffer = createFrameBuffer(filter, ({ data }) => session.toClient(data))
  }

  /** Takes a message. @returns when the next one may be taken, if that takes a while; never rejects */
  take(message: string): Promise<void> | undefined {
    try {
      if (isCrowded(message)) throw new Refusal('upstream_failed', { detail: 'an event of too many objects' })
      const event = parse(message)
      refuseTwins(message, event)
      if (isObject(event)) return this.#route(event)
      throw new Refusal('upstream_failed', { detail: 'an event that is no object' })
    } catch (cause) {
      this.#session.end(cause instanceof Refusal ? cause : unreadable(cause))
      return undefined
    }
  }

  #route(event: JsonObject): Promise<void> | undefined {
    const session = this.#session
    const { turn, forgotten } = session
    const type = stringOf(event.type)
    const id = responseOf(event)
    if (type === 'response.created') return this.#begin(event, id)
    if (forgotten.has(id)) {
      if (type === 'response.done') forgotten.end(id)
      return undefined
    }
    this.#note(event, type)
    if (!this.#hasRoom(event, type)) return undefined
    if (turn?.isAttached && (id === undefined || id === turn.id)) {
      if (type === 'error') turn.decline()
      // Its type first: that is how the reader knows sound, which may be long.
      turn.feed(JSON.stringify({ type, ...event }))
      return type === 'response.done' ? turn.writer.over : undefined
    }
    if (!type.startsWith('response.')) this.#between(event, type)
    return undefined
  }

  #begin(event: JsonObject, id: string | undefined): Promise<void> | undefined {
    const session = this.#session
    const { turn, forgotten } = session
    if (id === undefined) throw new Refusal('upstream_failed', { detail: 'a response without an id' })
    const isUnwanted = forgotten.takeUnnamed()
    if (!isUnwanted && turn?.isAttached && turn.id === undefined) {
      turn.id = id
      turn.feed(JSON.stringify(event))
      return undefined
    }
    if (!isUnwanted && !turn) return this.#judge(event, id)
    // One at a time: it would need a request of its own.
    this.#stop(id)
    return undefined
  }

  /** Judges a response that the server has begun by itself. */
  async #judge(event: JsonObject, id: string): Promise<void> {
    const session = this.#session
    const { conversation, request } = session.parts
    const { context, close } = session.parts.begin()
    const writer = session.writer(conversation.body(request.prompt.model), undefined)
    const turn = new Turn(context, writer, turnPort(session), { id })
    turn.feed(JSON.stringify(event))
    void session.run(turn, close)
    await turn.sent
    if (!writer.refusal) return conversation.acceptSpoken()
    this.#stop(id)
    // Or every later response would be refused for what was said.
    for (const item of conversation.dropSpoken())
      session.toServer({ type: 'conversation.item.delete', item_id: item })
  }

  #stop(id: string): void {
    this.#session.forgotten.add(id)
    this.#session.toServer({ type: 'response.cancel', response_id: id })
  }

  /** Notes what a person has said. */
  #note({ item_id: itemId, transcript, item }: JsonObject, type: string): void {
    const { conversation } = this.#session.parts
    if (type === 'conversation.item.input_audio_transcription.completed')
      conversation.heard(stringOf(itemId), stringOf(transcript))
    if (type === 'conversation.item.deleted') conversation.deleted(stringOf(itemId))
    if (isObject(item) && item.role !== 'user') conversation.meet(stringOf(item.id))
    if (!type.startsWith('conversation.item.') || !isObject(item) || item.role !== 'user') return
    const spoken = Array.isArray(item.content) ? item.content : []
    const words = spoken.flatMap((part) =>
      isObject(part) && typeof part.transcript === 'string' ? [part.transcript] : [],
    )
    if (words.length > 0 && !conversation.find(stringOf(item.id)))
      conversation.heard(stringOf(item.id), words.join('\n'))
  }

  /** Counts sound of the model. @returns whether there is room for it; otherwise the response ends */
  #hasRoom({ delta }: JsonObject, type: string): boolean {
    const session = this.#session
    const { conversation } = session.parts
    if (type !== 'response.output_audio.delta' && type !== 'response.audio.delta') return true
    const format = formatOf(conversation.settings, 'output')
    if (session.countSound(stringOf(delta), format)) return true
    session.turn?.context.cancellation.end(
      new Refusal('invalid_request', {
        say: 'The session has had as much sound as it may (`caps.sound` of its role).',
      }),
    )
    return false
  }

  /** Passes an event between responses. */
  #between(event: JsonObject, type: string): void {
    const { request } = this.#session.parts
    if (type === 'session.created') this.#limit()
    if (type === 'session.updated' && this.#isOwnUpdate) {
      this.#isOwnUpdate = false
      return
    }
    const filter = request.responseGuard?.filter ?? passThrough
    const { reader } = request.outgoing
    for (const frame of toFrames(reader.frame({ data: JSON.stringify(event) }, filter)))
      this.#buffer.add(frame)
    this.#buffer.settle(!filter.isHolding)
  }

  /** Sets the role's caps for responses that the server begins by itself. */
  #limit(): void {
    const { role } = this.#session.parts.request
    this.#isOwnUpdate = true
    this.#session.toServer({
      type: 'session.update',
      session: {
        type: 'realtime',
        max_output_tokens: role.caps.outputTokens,
        ...(role.caps.soundMs > 0 ? {} : { output_modalities: ['text'] }),
      },
    })
  }
}

function responseOf({ response_id: id, response }: JsonObject): string | undefined {
  const named = id ?? (isObject(response) ? response.id : undefined)
  return typeof named === 'string' && named !== '' ? named : undefined
}

function unreadable(cause: unknown): Refusal {
  const refusal = asRefusal(cause)
  return refusal.code === 'internal'
    ? new Refusal('upstream_failed', { detail: 'an event that cannot be read', cause })
    : refusal
}
