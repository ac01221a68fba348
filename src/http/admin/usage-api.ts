/**
 * What was used, summed up from the audit log.
 *
 *     GET /admin/v1/usage?since=30d&until=&by=key    one row for each key, role, group, model, person or day
 */
import type { FastifyInstance } from 'fastify'
import Type from 'typebox'
import Value from 'typebox/value'
import { queryOf } from '../../audit/query/query.ts'
import { readChains } from '../../audit/query/read-chains.ts'
import { readerFor, UsageTable, usageGroups } from '../../audit/query/usage.ts'
import { parseMoment } from '../../core/units.ts'
import type { Policy } from '../../policy/policy.ts'
import { pricesOf } from '../../policy/prices.ts'
import { refuse } from './admin-replies.ts'

const maxMomentLength = 64
const moment = Type.String({ maxLength: maxMomentLength })
const usageQuery = Type.Object(
  {
    since: Type.Optional(moment),
    until: Type.Optional(moment),
    by: Type.Optional(Type.Enum([...usageGroups])),
  },
  { additionalProperties: false },
)

/** Registers the route. @param policy returns the policy in force */
export function registerUsageApi(app: FastifyInstance, policy: () => Policy): void {
  /** A long log takes seconds of the one thread, a slice at a time. */
  let isReading = false
  app.get('/admin/v1/usage', async ({ query, raw }, reply) => {
    if (!Value.Check(usageQuery, query))
      return refuse(
        reply,
        `The query may have since, until, and by, which is one of ${usageGroups.join(', ')}.`,
      )
    const { since = '30d', until, by = 'key' } = query
    const nowMs = Date.now()
    const sinceMs = parseMoment(since, nowMs)
    const untilMs = until === undefined ? undefined : parseMoment(until, nowMs)
    if (Number.isNaN(sinceMs) || Number.isNaN(untilMs))
      return refuse(reply, '`since` and `until` are a duration such as 24h, or a date and time.')
    if (isReading)
      return reply.code(429).send({ error: 'The log is being read for another request. Try again later.' })
    isReading = true
    try {
      const read = readerFor(by)
      const used = new UsageTable(by, pricesOf(policy()))
      const fits = queryOf({ sinceMs, ...(untilMs === undefined ? {} : { untilMs }) })
      for await (const { line } of readChains(policy().audit.file, { sinceMs })) {
        if (raw.socket.destroyed) break
        const entry = read(line)
        if (entry && fits(entry)) used.add(entry)
      }
      return { rows: used.result() }
    } finally {
      isReading = false
    }
  })
}
