/** Who is signed in to the console, as the routes of the admin API see it; sessions themselves are kept in `console/`. */
import type { FastifyRequest } from 'fastify'
import type { Identity } from '../../auth/identity.ts'
import { adminTokenHolder } from './admin-replies.ts'

/** What a session may do: read, decide about approvals, everything. */
export type SessionRight = 'read' | 'approve' | 'admin'

/** Whoever a credential belongs to, and what they may do as things are now. */
export interface Principal {
  /** As it is recorded. */
  readonly who: string
  readonly rights: ReadonlySet<SessionRight>
  /** Of a key. */
  readonly identity: Identity | undefined
}

/** A session that is going on, with what its credential is good for now. */
export interface Session {
  readonly principal: Principal
  /** Must come back in `x-torwart-csrf` with everything that changes something. */
  readonly csrf: string
  /** Calls the listener once, when the session ends for whatever reason. @returns what removes it */
  onEnd(listener: () => void): () => void
}

/** Finds the session of a request. */
export interface SessionFinder {
  /** @returns undefined: the request brings none; `over`: it brings one that is over, or not good here */
  of(request: FastifyRequest): Session | 'over' | undefined
}

const sessions = new WeakMap<FastifyRequest, Session>()

/** Notes by which session a request came in. */
export function noteSession(request: FastifyRequest, session: Session): void {
  sessions.set(request, session)
}

/** Returns the session by which a request came in; undefined: it brought another credential, or none. */
export function sessionOf(request: FastifyRequest): Session | undefined {
  return sessions.get(request)
}

/**
 * Names who makes a change, for the record: whoever is signed in, whatever the request says; else the name that it gives.
 * @param by as the request names it
 */
export function authorOf(request: FastifyRequest, by: string | undefined): string {
  return sessionOf(request)?.principal.who ?? by ?? adminTokenHolder
}

/** Names the holder of a key for the record. */
export function authorOfKey({ name, id }: Pick<Identity, 'name' | 'id'>): string {
  return `${name} (key ${id})`
}
