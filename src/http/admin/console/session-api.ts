/**
 * Signing in to the console, and out.
 *
 *     POST   /console/api/session   { token } | { key } | { link }   opens a session and sets its cookie
 *     GET    /console/api/session   who is signed in
 *     DELETE /console/api/session   ends the session
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import Type from 'typebox'
import Value from 'typebox/value'
import { csrfHeader, isSame } from '../admin-auth.ts'
import type { AdminLogins } from '../admin-logins.ts'
import { refuse } from '../admin-replies.ts'
import type { Principal, SessionFinder } from '../signed-in.ts'
import type { Credentials } from './credentials.ts'
import { placeOf, sessionCookie } from './session-cookie.ts'
import { type OpenSession, type Sessions, sessionBounds } from './sessions.ts'

/** What the routes need. */
export interface SessionApiParts {
  readonly sessions: Sessions
  readonly finder: OpenSessionFinder
  readonly credentials: Credentials
  readonly logins: AdminLogins
  /** The address of the client. */
  peerOf(request: FastifyRequest): string
  /** Writes to the audit log what somebody has done. */
  recordEvent(event: string, details: object): void
}

/** Finds the session of a request by its cookie. */
export interface OpenSessionFinder extends SessionFinder {
  of(request: FastifyRequest): OpenSession | 'over' | undefined
}

/** Requests with this header were sent by a page by itself: they do not keep a session alive that nobody uses. */
const backgroundHeader = 'x-torwart-background'

const route = '/console/api/session'
const secret = Type.String({ minLength: 1, maxLength: 4096 })
const signInBody = Type.Union([
  Type.Object({ token: secret }, { additionalProperties: false }),
  Type.Object({ key: secret }, { additionalProperties: false }),
  Type.Object({ link: secret }, { additionalProperties: false }),
])

/**
 * Makes what finds sessions.
 * @param reloadFiles reads changed files now, so that the session of a key that was revoked a moment ago is over
 */
export function createSessionFinder(
  sessions: Sessions,
  peerOf: SessionApiParts['peerOf'],
  reloadFiles: () => void,
): OpenSessionFinder {
  return {
    of(request) {
      const cookie = sessionCookie.read(request.headers.cookie)
      if (!cookie) return undefined
      reloadFiles()
      const { host } = placeOf(request)
      const isUse = request.headers[backgroundHeader] === undefined
      const visit = { host, secure: cookie.secure, peer: peerOf(request), isUse }
      return sessions.find(cookie.id, visit) ?? 'over'
    },
  }
}

/** Registers the routes. */
export function registerSessionApi(app: FastifyInstance, parts: SessionApiParts): void {
  const { sessions, finder, credentials, logins, peerOf, recordEvent } = parts

  app.post(route, async (request, reply) => {
    const { body } = request
    if (!Value.Check(signInBody, body))
      return refuse(reply, 'The body must be JSON with one of token, key and link.')
    const peer = peerOf(request)
    const good = credentials.judge(body, peer)
    if (!good)
      return logins.refuse(
        request,
        reply,
        'link' in body ? 'console link refused' : 'console sign-in refused',
      )
    endSession(finder.of(request))
    const visit = { ...placeOf(request), peer, isUse: true }
    const id = sessions.open(good, visit)
    const session = sessions.find(id, visit)
    if (!session) return over(reply)
    sessionCookie.put(reply, id, visit.secure)
    recordEvent('console sign-in', { by: session.principal.who, role: roleOf(session.principal), peer })
    return view(session)
  })

  app.get(route, async (request, reply) => {
    const session = finder.of(request)
    return session === undefined || session === 'over' ? over(reply) : view(session)
  })

  app.delete(route, async (request, reply) => {
    const session = finder.of(request)
    if (session === undefined || session === 'over') return over(reply)
    const shown = request.headers[csrfHeader]
    if (typeof shown !== 'string' || !isSame(shown, session.csrf))
      return reply.code(403).send({ error: `Signing out needs the header ${csrfHeader}.` })
    endSession(session)
    sessionCookie.clear(reply)
    recordEvent('console sign-out', { by: session.principal.who })
    return reply.code(204).send()
  })
}

function endSession(session: OpenSession | 'over' | undefined): void {
  if (session !== 'over') session?.end()
}

function over(reply: FastifyReply): FastifyReply {
  return reply.code(401).send({ error: 'Nobody is signed in.', session: 'over' })
}

function view({ principal, csrf, expiresMs }: OpenSession) {
  return {
    who: principal.who,
    role: roleOf(principal),
    rights: [...principal.rights],
    csrf,
    idleSeconds: sessionBounds.idleMs / 1000,
    expiresAt: new Date(expiresMs).toISOString(),
  }
}

function roleOf({ rights }: Principal): 'admin' | 'approver' | 'viewer' {
  return rights.has('admin') ? 'admin' : rights.has('approve') ? 'approver' : 'viewer'
}
