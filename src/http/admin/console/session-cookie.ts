/**
 * The cookie of a session. Scripts cannot read it, other sites cannot send it. The admin listener has no TLS of its own;
 * where a proxy in front has, the browser says so in the `Origin` of the sign-in, and gets a cookie that is sent over TLS
 * only, and that no other host of the domain can set (`__Host-`, RFC 6265bis, 4.1.3.2).
 */
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Place } from './sessions.ts'

const plainName = 'torwart_session'
const secureName = `__Host-${plainName}`
const form = /^[\w-]{43}$/

/** Reads and writes the cookie; `@fastify/cookie` must be registered to write it. */
export const sessionCookie = {
  /** Reads the session id that a `Cookie` header carries; undefined: none. What is no id of ours is none. */
  read(header: string | undefined): { readonly id: string; readonly secure: boolean } | undefined {
    const found = new Map<string, string>()
    for (const pair of (header ?? '').split(';')) {
      const [name = '', value = ''] = pair.trim().split('=', 2)
      // The first of a name is the one with the longest path (RFC 6265, 5.4).
      if ((name === plainName || name === secureName) && !found.has(name)) found.set(name, value)
    }
    for (const name of [secureName, plainName]) {
      const id = found.get(name)
      if (id !== undefined && form.test(id)) return { id, secure: name === secureName }
    }
    return undefined
  },

  /** Sets the cookie; it ends with the browser, the session sooner. */
  put(reply: FastifyReply, id: string, secure: boolean): void {
    reply.setCookie(secure ? secureName : plainName, id, {
      ...{ path: '/', httpOnly: true, sameSite: 'strict', secure },
    })
  },

  /** Has the browser forget it. */
  clear(reply: FastifyReply): void {
    for (const [name, secure] of [
      [plainName, false],
      [secureName, true],
    ] as const)
      reply.clearCookie(name, { path: '/', httpOnly: true, sameSite: 'strict', secure })
  },
}

/** Returns where a session that this request opens may be used. */
export function placeOf({ headers }: FastifyRequest): Place {
  return {
    host: (headers.host ?? '').toLowerCase(),
    secure: headers.origin?.startsWith('https://') === true,
  }
}
