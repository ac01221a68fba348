/** What the routes of the admin API say alike. */
import type { FastifyReply } from 'fastify'
import { createMasker, findSensitive } from '../../detect/sensitive/mask.ts'

/** By whom it was, where nobody says a name. */
export const adminTokenHolder = 'holder of the admin token'

export function refuse(reply: FastifyReply, error: string): FastifyReply {
  return reply.code(400).send({ error })
}

/** Who orders something, as the log may keep it. */
export function maskedName(by: string): string {
  return createMasker(findSensitive).mask(by).slice(0, 128)
}
