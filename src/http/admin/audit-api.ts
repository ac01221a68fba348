/**
 * The part of the admin API that concerns the audit log. Reading records is for those who may read the file.
 *
 *     GET    /audit             where the chain stands, and the last checkpoint
 *     POST   /audit/checkpoints signs where the chain stands now
 *     POST   /audit/erasures    { subject, identity, before, why, by }: erases content, and answers when it is done
 */
import type { FastifyInstance } from 'fastify'
import Type from 'typebox'
import Value from 'typebox/value'
import type { Audit } from '../../audit/audit.ts'
import { createMasker, findSensitive } from '../../detect/sensitive/mask.ts'
import { adminTokenHolder, refuse } from './admin-replies.ts'

const maxWordLength = 512

const word = Type.String({ minLength: 1, maxLength: maxWordLength })
const erasureBody = Type.Object(
  {
    subject: Type.Optional(word),
    identity: Type.Optional(word),
    before: Type.Optional(word),
    why: word,
    by: Type.Optional(word),
  },
  { additionalProperties: false },
)

export type AuditApiParts = Pick<Audit, 'head' | 'instance' | 'checkpoint' | 'sign' | 'erase' | 'writable'>

export function registerAuditApi(app: FastifyInstance, audit: AuditApiParts): void {
  const state = () => ({
    instance: audit.instance,
    writable: audit.writable(),
    head: audit.head,
    checkpoint: audit.checkpoint ?? null,
  })
  app.get('/admin/v1/audit', async () => state())

  app.post('/admin/v1/audit/checkpoints', async () => {
    await audit.sign()
    return state()
  })

  app.post('/admin/v1/audit/erasures', async ({ body, raw }, reply) => {
    if (!Value.Check(erasureBody, body))
      return refuse(
        reply,
        'The body must be JSON with why, at least one of subject, identity and before, and optionally by.',
      )
    const { subject, identity, before, why, by = adminTokenHolder } = body
    if (subject === undefined && identity === undefined && before === undefined)
      return refuse(reply, 'Subject, identity or before is missing.')
    const beforeMs = before === undefined ? undefined : Date.parse(before)
    if (Number.isNaN(beforeMs)) return refuse(reply, '`before` must be a date and time.')
    const { mask } = createMasker(findSensitive)
    // A year of records takes its time, and the connection is silent meanwhile.
    raw.socket.setTimeout(0)
    return audit.erase({
      ...(subject === undefined ? {} : { subject }),
      ...(identity === undefined ? {} : { identity }),
      ...(beforeMs === undefined ? {} : { before: new Date(beforeMs).toISOString() }),
      why: mask(why),
      by: mask(by),
    })
  })
}
