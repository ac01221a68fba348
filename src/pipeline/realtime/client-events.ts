/** Events of the client: read, judged with the whole conversation, and forwarded as they were read. */
import { isObject, JsonFault, type JsonObject, objectsIn, readJson, stringOf } from '../../core/json.ts'
import { asRefusal, Refusal } from '../../core/refusal.ts'
import { type ClientEvent, readClientEvent } from '../../dialects/realtime/client-events.ts'
import { formatOf } from '../../dialects/realtime/sound.ts'
import { extend, type Guarded } from '../context.ts'
import { type LiveSession, narrowedTo, turnPort } from './live-session.ts'
import { Turn } from './turn.ts'

/** In any minute, where the role has no `probesPerMinute`: each is judged with the whole conversation. */
const maxAdditions = 600
const idForm = /^[\w.:-]{1,128}$/

/** Takes the events of one client. */
export class ClientEvents {
  readonly #session: LiveSession

  constructor(session: LiveSession) {
    this.#session = session
  }

  /** Takes a message. @returns when it is done, if that takes a while; never rejects */
  take(message: string): Promise<void> | undefined {
    let eventId: string | undefined
    try {
      const document = readEvent(message)
      if (typeof document.event_id === 'string' && idForm.test(document.event_id)) eventId = document.event_id
      const event = readClientEvent(document, this.#session.parts.request.role.allow)
      const done = this.#forward(event, eventId)
      return done?.catch((thrown: unknown) => this.#refuse(thrown, eventId))
    } catch (thrown) {
      return this.#refuse(thrown, eventId)
    }
  }

  /** @throws Refusal */
  #forward(event: ClientEvent, eventId: string | undefined): Promise<void> | undefined {
    const session = this.#session
    const { conversation } = session.parts
    const { type, body } = event
    conversation.requireFreshIds(event)
    if (event.hasSound) this.#requireSound(event)
    if (type === 'response.create') return this.#createResponse(event, eventId)
    if (type === 'session.update' || type === 'conversation.item.create') return this.#judge(event, eventId)
    conversation.accept(event)
    session.toServer(body)
    return undefined
  }

  /** @throws Refusal `invalid_request` if the session has had as much sound as it may */
  #requireSound({ body }: ClientEvent): void {
    const session = this.#session
    const { conversation } = session.parts
    const format = formatOf(conversation.settings, 'input')
    if (soundsIn(body).every((piece) => session.countSound(piece, format))) return
    throw new Refusal('invalid_request', {
      say: 'This key may send no sound, or no more of it in this session (`caps.sound` of its role).',
    })
  }

  /** Has the guards read what an event adds, with everything that is there already. */
  async #judge(event: ClientEvent, eventId: string | undefined): Promise<void> {
    const session = this.#session
    const { conversation, requests, dialect, request } = session.parts
    conversation.name(event)
    const { session: update } = event.body
    const model =
      isObject(update) && update.model !== undefined ? stringOf(update.model) : request.prompt.model
    const { context, close } = session.parts.begin()
    const body = conversation.body(model, event)
    const writer = session.writer(body, eventId)
    try {
      const to = { dialect, endpoint: requests.addition, perMinute: maxAdditions }
      const judged = await session.pipeline.judge(context, to, writer)
      const forwarded = isObject(update)
        ? { ...event.body, session: await this.#settings(judged, update) }
        : event.body
      if (session.isOver) return
      conversation.accept(event)
      request.hold.body(writer.announcedBytes)
      // The session's own record has the texts of what no response has read.
      extend(request, { prompt: judged.prompt, findings: judged.findings, guards: judged.guards })
      session.toServer(forwarded)
    } catch (thrown) {
      session.pipeline.refuse(context, thrown, writer)
      await writer.over
      session.countRefusal()
    } finally {
      close()
    }
  }

  /** Returns the settings that are forwarded: with the role's caps, and names that were judged. @throws Refusal */
  async #settings(judged: Guarded, update: JsonObject): Promise<JsonObject> {
    const { steps, upstream } = this.#session.parts
    const settings = judged.outgoing.body.update
    if (!isObject(settings)) return {}
    if (update.model !== undefined) settings.model = judged.model.served
    const { audio } = settings
    const input = isObject(audio) && isObject(audio.input) ? audio.input : {}
    const { transcription } = input
    if (isObject(transcription) && typeof transcription.model === 'string') {
      const prompt = { ...judged.prompt, model: transcription.model }
      // The server loads that model too.
      const other = await steps.authoriseModel(extend({ ...judged }, { prompt }))
      input.transcription = { ...transcription, model: narrowedTo(upstream, other).model.served }
    }
    return judged.role.caps.soundMs > 0 ? settings : inText(settings)
  }

  async #createResponse(event: ClientEvent, eventId: string | undefined): Promise<void> {
    const session = this.#session
    const { conversation, request } = session.parts
    if (session.turn)
      throw new Refusal('invalid_request', {
        say: 'A response is in progress already. Wait for it, or cancel it.',
      })
    const settings = isObject(event.body.response) ? event.body.response : {}
    event.body.response = request.role.caps.soundMs > 0 ? settings : inText(settings)
    const { context, close } = session.parts.begin()
    const writer = session.writer(conversation.body(request.prompt.model, event), eventId)
    const turn = new Turn(context, writer, turnPort(session), eventId === undefined ? {} : { eventId })
    void session.run(turn, close)
    await turn.sent
    if (!writer.refusal) {
      conversation.accept(event)
      conversation.acceptSpoken()
    }
  }

  /** Tells of an event that was refused before it was judged, and records that. Never rejects. */
  async #refuse(thrown: unknown, eventId: string | undefined): Promise<void> {
    const session = this.#session
    if (session.isOver) return
    const { context, close } = session.parts.begin()
    const writer = session.writer({}, eventId)
    await session.pipeline.turnAway(context, asRefusal(thrown), writer)
    await writer.over
    close()
    session.countRefusal()
  }
}

/** @throws Refusal `invalid_request` */
function readEvent(message: string): JsonObject {
  try {
    const document = readJson(message)
    if (isObject(document)) return document
    throw new Refusal('invalid_request', { say: 'An event must be a JSON object.' })
  } catch (fault) {
    if (!(fault instanceof JsonFault)) throw fault
    throw new Refusal('invalid_request', { say: `The event is not strict JSON: ${fault.kind}.` })
  }
}

/** Has the server answer in text only. */
function inText(settings: JsonObject): JsonObject {
  return { ...settings, output_modalities: ['text'] }
}

/** Returns all sound of an event: a piece of the buffer, and that of items, also those of a response only. */
function soundsIn({ audio, item, response }: JsonObject): string[] {
  const own = typeof audio === 'string' ? [audio] : []
  const items = [...objectsIn([item ?? null]), ...objectsIn(isObject(response) ? response.input : [])]
  const parts = items.flatMap(({ content }) => objectsIn(content))
  return [...own, ...parts.flatMap((part) => (typeof part.audio === 'string' ? [part.audio] : []))]
}
