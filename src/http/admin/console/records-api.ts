/**
 * The records of the audit log, for people who look for something.
 *
 *     GET /admin/v1/records?since=&until=&key=&role=&model=&outcome=&finding=&route=&limit=100&cursor=   in lines, the newest first
 *     GET /admin/v1/records/:id?time=    one whole, as `torwart audit show --json` prints it
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import Type from 'typebox'
import Value from 'typebox/value'
import { type Found, type Search, searchNewestFirst } from '../../../audit/query/newest-first.ts'
import { lineWithChain } from '../../../audit/query/read-chains.ts'
import { createReferenceResolver } from '../../../audit/query/references.ts'
import { parseMoment } from '../../../core/units.ts'
import { refuse } from '../admin-replies.ts'
import { filterQuery, ownerOf } from './live/live-api.ts'
import { foundRowOf, placeIn, rowTest } from './live/row.ts'
import { cursorOf, readCursor } from './records-cursor.ts'

/** What the routes need. */
export interface RecordsApiParts {
  /** The log. */
  readonly file: string
  /** Epoch milliseconds. */
  nowMs(): number
}

const maxMomentLength = 64
const moment = Type.Optional(Type.String({ minLength: 1, maxLength: maxMomentLength }))
const searchQuery = Type.Object(
  {
    ...filterQuery,
    since: moment,
    until: moment,
    text: Type.Optional(Type.Literal('no')),
    limit: Type.Optional(Type.String({ pattern: '^(?:[1-9]\\d?|[1-4]\\d\\d|500)$' })),
    cursor: Type.Optional(Type.String({ maxLength: 8192 })),
  },
  { additionalProperties: false },
)
const recordQuery = Type.Object({ time: moment }, { additionalProperties: false })

/** How long one request may search. */
const searchMs = 1500
/** How long a record is looked for by its id, of which only the log knows where it stands. */
const findMs = 5000
/** Searches at once; each reads the disk and takes its share of the one thread. */
const maxSearches = 4

/** Registers the routes. */
export function registerRecords(app: FastifyInstance, { file, nowMs }: RecordsApiParts): void {
  const searching = new Set<string>()
  /** Runs a search, unless too many run, or one of the same session. */
  const alone = async (request: FastifyRequest, reply: FastifyReply, search: () => Promise<object>) => {
    const owner = ownerOf(request)
    if (searching.has(owner) || searching.size >= maxSearches)
      return reply.code(429).send({ error: 'The log is being searched already. Try again in a moment.' })
    searching.add(owner)
    try {
      return await search()
    } finally {
      searching.delete(owner)
    }
  }
  const within = ({ raw }: FastifyRequest, ms: number): Search['isOver'] => {
    const end = performance.now() + ms
    return () => performance.now() > end || raw.socket.destroyed
  }

  app.get('/admin/v1/records', async (request, reply) => {
    const { query } = request
    if (!Value.Check(searchQuery, query))
      return refuse(
        reply,
        'The query may have since, until, key, role, model, outcome, finding, route, limit (1 to 500) and cursor.',
      )
    const { since, until, limit = '100', cursor, text: _, ...filters } = query
    const momentOf = (text: string | undefined) =>
      text === undefined ? undefined : parseMoment(text, nowMs())
    const [sinceMs, untilMs] = [momentOf(since), momentOf(until)]
    if (Number.isNaN(sinceMs) || Number.isNaN(untilMs))
      return refuse(reply, '`since` and `until` are a duration such as 24h, or a date and time.')
    const from = cursor === undefined ? new Map<string, number>() : readCursor(cursor)
    if (!from) return refuse(reply, '`cursor` must be the `next` of an earlier answer.')
    const test = rowTest(filters)
    return alone(request, reply, async () => {
      const { entries, next, searchedTo } = await searchNewestFirst(file, {
        ...{ from, sinceMs, untilMs, limit: Number(limit), isOver: within(request, searchMs) },
        fits: (entry) =>
          (sinceMs === undefined || Date.parse(entry.time) >= sinceMs) && test(foundRowOf(entry, '')),
      })
      return {
        records: entries.map(({ entry, chain }) => foundRowOf(entry, chain)),
        next: next ? cursorOf(next) : null,
        scannedTo: searchedTo,
      }
    })
  })

  app.get<{ Params: { id: string } }>('/admin/v1/records/:id', async (request, reply) => {
    const { query, params } = request
    if (!Value.Check(recordQuery, query)) return refuse(reply, 'The query may have time.')
    const timeMs = query.time === undefined ? undefined : Date.parse(query.time)
    if (Number.isNaN(timeMs)) return refuse(reply, '`time` must be that of the record.')
    return alone(request, reply, async () => {
      const found = await searchNewestFirst(file, wanted(params.id, timeMs, within(request, findMs)))
      return (await wholeRecord(file, found)) ?? reply.code(404).send({ error: notFound(found) })
    })
  })
}

/** @param timeMs of the record, if it is known */
function wanted(id: string, timeMs: number | undefined, isOver: Search['isOver']): Search {
  const place = placeIn(id)
  const end = timeMs === undefined ? {} : { sinceMs: timeMs, untilMs: timeMs + 1 }
  const common = { limit: 1, isOver }
  if (!place) return { ...common, ...end, from: new Map(), fits: (entry) => entry.id === id }
  const { chain, seq } = place
  return { ...common, only: place, from: new Map([[chain, seq + 1]]), fits: (entry) => entry.seq === seq }
}

async function wholeRecord(file: string, { entries }: Found): Promise<object | undefined> {
  const [found] = entries
  if (!found) return undefined
  const { line, chain, entry } = found
  const whole = await createReferenceResolver(file).resolve({ line, chain }, entry)
  return { record: JSON.parse(lineWithChain({ line: whole, chain })) as object }
}

function notFound({ next, searchedTo }: Found): string {
  return next
    ? `No such record was found from ${searchedTo} on, which is as far as the search came. Give its time.`
    : 'There is no such record.'
}
