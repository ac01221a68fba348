/** What several routes of the admin API share. */
import type { FastifyReply } from 'fastify'
import { createMasker, findSensitive } from '../../detect/sensitive/mask.ts'

/** The recorded author of a change whose request gives no name. */
export const adminTokenHolder = 'holder of the admin token'

/** Answers 400. */
export function refuse(reply: FastifyReply, error: string): FastifyReply {
  return reply.code(400).send({ error })
}

/** Masks the name of an author for the log, and cuts it at 128 characters. */
export function maskedName(by: string): string {
  return createMasker(findSensitive).mask(by).slice(0, 128)
}
