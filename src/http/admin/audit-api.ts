/**
 * The audit log in the admin API. Records cannot be read here, only from the file.
 *
 *     GET    /admin/v1/audit             the head of the chain and the last checkpoint
 *     POST   /admin/v1/audit/checkpoints signs the head of the chain
 *     POST   /admin/v1/audit/erasures    { subject?, person?, identity?, before?, why, by? } erases content; answers when it is done
 */
import type { FastifyInstance } from 'fastify'
import Type from 'typebox'
import Value from 'typebox/value'
import type { Audit } from '../../audit/audit.ts'
import { createMasker, findSensitive } from '../../detect/sensitive/mask.ts'
import { refuse } from './admin-replies.ts'
import { authorOf } from './signed-in.ts'

const maxWordLength = 512

const word = Type.String({ minLength: 1, maxLength: maxWordLength })
const erasureBody = Type.Object(
  {
    subject: Type.Optional(word),
    person: Type.Optional(word),
    identity: Type.Optional(word),
    before: Type.Optional(word),
    why: word,
    by: Type.Optional(word),
  },
  { additionalProperties: false },
)

/** What the audit API needs of the audit log. */
export interface AuditApiParts
  extends Pick<Audit, 'head' | 'instance' | 'checkpoint' | 'sign' | 'erase' | 'writable'> {
  /** The same of the chains of workers; undefined: there are none. */
  readonly workers: (() => Promise<readonly object[]>) | undefined
}

/** Registers the routes of the audit log. */
export function registerAuditApi(app: FastifyInstance, audit: AuditApiParts): void {
  const state = async () => ({
    instance: audit.instance,
    writable: audit.writable(),
    head: audit.head,
    checkpoint: audit.checkpoint ?? null,
    ...(audit.workers ? { workers: await audit.workers() } : {}),
  })
  app.get('/admin/v1/audit', async () => state())

  app.post('/admin/v1/audit/checkpoints', async () => {
    await audit.sign()
    return state()
  })

  app.post('/admin/v1/audit/erasures', async (request, reply) => {
    const { body, raw } = request
    if (!Value.Check(erasureBody, body))
      return refuse(
        reply,
        'The body must be JSON with why, at least one of subject, person, identity and before, and optionally by.',
      )
    const { subject, person, identity, before, why } = body
    const by = authorOf(request, body.by)
    if ([subject, person, identity, before].every((each) => each === undefined))
      return refuse(reply, 'Subject, person, identity or before is missing.')
    const beforeMs = before === undefined ? undefined : Date.parse(before)
    if (Number.isNaN(beforeMs)) return refuse(reply, '`before` must be a date and time.')
    const { mask } = createMasker(findSensitive)
    // Erasing a year of records takes minutes, in which the connection is silent.
    raw.socket.setTimeout(0)
    return audit.erase({
      ...(subject === undefined ? {} : { subject }),
      ...(person === undefined ? {} : { person }),
      ...(identity === undefined ? {} : { identity }),
      ...(beforeMs === undefined ? {} : { before: new Date(beforeMs).toISOString() }),
      why: mask(why),
      by: mask(by),
    })
  })
}
