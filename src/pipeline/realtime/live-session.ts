/** A session as the events of its two sides see it. */
import type { JsonObject } from '../../core/json.ts'
import { Refusal } from '../../core/refusal.ts'
import type { Dialect } from '../../dialects/dialect.ts'
import type { Conversation } from '../../dialects/realtime/conversation.ts'
import type { SessionRequests } from '../../dialects/realtime/realtime.ts'
import type { Upstream } from '../../policy/policy.ts'
import type { ClientLeft } from '../cancellation.ts'
import type { Guarded, RequestContext } from '../context.ts'
import type { Pipeline, Steps } from '../steps.ts'
import type { EventWriter } from './event-writer.ts'
import type { ForgottenResponses } from './forgotten.ts'
import type { Turn, TurnPort } from './turn.ts'
import type { Valve } from './valve.ts'

/** A request within a session, under way. */
export interface InnerRequest {
  readonly context: RequestContext
  close(): void
}

/** What a session needs. */
export interface SessionParts {
  readonly steps: Steps
  /** The session as a request, judged. */
  readonly request: Guarded
  /** The same, as what ends a request takes it. */
  readonly context: RequestContext
  readonly upstream: Upstream
  readonly dialect: Dialect
  readonly requests: SessionRequests
  readonly conversation: Conversation
  /** Begins a request within the session, under the policy in force. */
  begin(): InnerRequest
  failedLogin(): Promise<void>
}

/** A session that is open. */
export interface LiveSession {
  readonly parts: SessionParts
  /** Of its requests, which stay at its model server. */
  readonly pipeline: Pipeline
  readonly serverValve: Valve
  readonly forgotten: ForgottenResponses
  /** The response under way. */
  readonly turn: Turn | undefined
  readonly isOver: boolean
  /** Sends an event to the model server, which may be slower than the client. */
  toServer(event: object): void
  /** Sends an event to the client, which may be slower than the model server. */
  toClient(event: string): void
  /** Makes the client's side of a request whose body is this. @param eventId of the event that asks for it */
  writer(body: JsonObject, eventId: string | undefined): EventWriter
  /** Takes a response all the way. Resolves when nothing of it is left to be done; never rejects. */
  run(turn: Turn, close: () => void): Promise<void>
  /** Ends the session of a client whose events are refused again and again. */
  countRefusal(): void
  /** Counts sound, if there is room for it. @returns whether there is */
  countSound(base64: string, format: JsonObject | undefined): boolean
  /** Ends the session. @param cause undefined: the client asked for it */
  end(cause: Refusal | ClientLeft | undefined): void
}

/** Returns what a turn asks of its session. */
export function turnPort(session: LiveSession): TurnPort {
  return {
    sendToServer: (event) => session.toServer(event),
    pauseServer: () => session.serverValve.close('relay'),
    resumeServer: () => session.serverValve.open('relay'),
    forget: (id) => session.forgotten.add(id),
  }
}

/** A session stays at the server that has its conversation. @throws Refusal `model_not_allowed` */
export function narrowedTo<Request extends Pick<Guarded, 'target'>>(
  upstream: Upstream,
  request: Request,
): Request {
  const { target } = request
  const found = target.upstreams.find(({ name }) => name === upstream.name)
  if (!found)
    throw new Refusal('model_not_allowed', {
      say: 'The model server of this session does not have the model.',
    })
  return Object.assign(request, { target: { ...target, upstreams: [found] } })
}
