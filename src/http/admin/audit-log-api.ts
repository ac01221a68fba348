/**
 * Reading the whole audit log over the admin API, as the commands `torwart audit verify`, `report` and `export` do.
 *
 *     GET /admin/v1/audit/verify                                   server-sent events: `progress`, then `done`
 *     GET /admin/v1/audit/report?since=24h                         an incident report, as Markdown
 *     GET /admin/v1/audit/export?format=jsonl&since=&until=        records, as a download
 */
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { basename } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import type { FastifyInstance, FastifyReply } from 'fastify'
import Type from 'typebox'
import Value from 'typebox/value'
import { exportFormats } from '../../audit/formats/export.ts'
import { toMarkdown } from '../../audit/formats/markdown.ts'
import type { Query } from '../../audit/query/query.ts'
import { IncidentReport } from '../../audit/query/report.ts'
import { type Selected, selectRecords } from '../../audit/query/select.ts'
import { type ChainsVerdict, integrityInWords, verifyChains } from '../../audit/verify/verify-chains.ts'
import { describeError } from '../../core/refusal.ts'
import { parseMoment } from '../../core/units.ts'
import type { Log } from '../../telemetry/log.ts'
import { refuse } from './admin-replies.ts'

/** What the routes need. */
export interface AuditLogApiParts {
  /** Path of the log. */
  file(): string
  readonly log: Pick<Log, 'error'>
  /** Epoch milliseconds. */
  nowMs(): number
}

const moment = Type.Optional(Type.String({ maxLength: 64 }))
const readQuery = Type.Object(
  { since: moment, until: moment, format: Type.Optional(Type.Enum(Object.keys(exportFormats))) },
  { additionalProperties: false },
)
/** How often `progress` is told. */
const progressMs = 250
const sliceMs = 10
/** Characters of earlier texts that an export remembers. */
const maxRemembered = 8 * 1024 * 1024

class ClientGone extends Error {}

/** Registers the routes. Each of them serves one request at a time, because each walks over the whole log. */
export function registerAuditLogApi(app: FastifyInstance, parts: AuditLogApiParts): void {
  const running = new Set<string>()
  const oneAtATime = async (
    name: string,
    reply: FastifyReply,
    work: (raw: ServerResponse) => Promise<void>,
  ) => {
    if (running.has(name))
      return reply.code(429).send({ error: 'This is being done for another request. Try again later.' })
    running.add(name)
    const { raw } = reply.hijack()
    try {
      await work(raw)
    } catch (error) {
      if (!(error instanceof ClientGone))
        parts.log.error({ cause: describeError(error) }, 'the audit log could not be read for the admin API')
      // A download that has begun must not look whole.
      raw.destroy()
    } finally {
      running.delete(name)
    }
    return reply
  }

  app.get('/admin/v1/audit/verify', (_request, reply) =>
    oneAtATime('verify', reply, async (raw) => {
      raw.writeHead(200, headersOf(reply, 'text/event-stream'))
      raw.flushHeaders()
      await verify(parts.file(), raw)
    }),
  )

  app.get('/admin/v1/audit/report', ({ query }, reply) => {
    const period = periodOf(query, parts.nowMs(), '24h')
    if (typeof period === 'string') return refuse(reply, period)
    return oneAtATime('report', reply, async (raw) => {
      const text = await reportOf(parts, period, raw)
      raw.writeHead(200, headersOf(reply, 'text/markdown', 'incident-report.md'))
      raw.end(text)
    })
  })

  app.get('/admin/v1/audit/export', ({ query }, reply) => {
    const period = periodOf(query, parts.nowMs())
    if (typeof period === 'string') return refuse(reply, period)
    const name = Value.Check(readQuery, query) ? (query.format ?? 'jsonl') : ''
    const format = exportFormats[name]
    if (!format) return refuse(reply, `\`format\` must be one of ${Object.keys(exportFormats).join(', ')}.`)
    return oneAtATime('export', reply, async (raw) => {
      raw.writeHead(200, headersOf(reply, format.mediaType, `audit.${name}`))
      raw.write(format.head)
      const records = selectRecords(parts.file(), period, {
        withTexts: format.withTexts === true,
        maxRemembered,
      })
      for await (const record of whileThere(raw, records)) await write(raw, format.print(record))
      raw.end()
    })
  })
}

/** @param standard how far back, if nothing is asked; absent: to the beginning @returns or what is wrong */
function periodOf(
  query: unknown,
  nowMs: number,
  standard?: string,
): Pick<Query, 'sinceMs' | 'untilMs'> | string {
  if (!Value.Check(readQuery, query))
    return `The query may have since, until and format, which is one of ${Object.keys(exportFormats).join(', ')}.`
  const msOf = (text: string | undefined) => (text === undefined ? undefined : parseMoment(text, nowMs))
  const sinceMs = msOf(query.since ?? standard)
  const untilMs = msOf(query.until)
  if (Number.isNaN(sinceMs) || Number.isNaN(untilMs))
    return '`since` and `until` are a duration such as 24h, or a date and time.'
  return { ...(sinceMs === undefined ? {} : { sinceMs }), ...(untilMs === undefined ? {} : { untilMs }) }
}

/** With what the listener says of every answer. @param file as which it is saved */
function headersOf(reply: FastifyReply, mediaType: string, file?: string): Record<string, string | string[]> {
  const set = Object.entries(reply.getHeaders()).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, Array.isArray(value) ? value.map(String) : String(value)] as const],
  )
  return {
    ...Object.fromEntries(set),
    'content-type': `${mediaType}; charset=utf-8`,
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...(file === undefined ? {} : { 'content-disposition': `attachment; filename="${file}"` }),
  }
}

async function reportOf(
  { file, nowMs }: AuditLogApiParts,
  period: Pick<Query, 'sinceMs' | 'untilMs'>,
  raw: ServerResponse,
): Promise<string> {
  const report = new IncidentReport()
  for await (const { entry } of whileThere(raw, selectRecords(file(), period))) report.add(entry)
  const { sinceMs } = period
  const { chains, ...verdict } = await verifyChains(file(), sinceMs === undefined ? {} : { sinceMs })
  const integrity = integrityInWords(withoutFolder(verdict), chains.length)
  return toMarkdown(report.result(), integrity, new Date(nowMs()).toISOString())
}

async function verify(file: string, raw: ServerResponse): Promise<void> {
  const tell = (event: string, data: object) =>
    raw.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`)
  let toldMs = performance.now()
  const onProgress = (records: number) => {
    if (raw.destroyed) throw new ClientGone()
    if (performance.now() - toldMs < progressMs) return
    toldMs = performance.now()
    tell('progress', { records })
  }
  const { chains, ...verdict } = await verifyChains(file, { onProgress })
  const { records, bad, notes, signedTo = null, headSeen } = withoutFolder(verdict)
  const problems = bad ? [`${bad.file}:${bad.line}: ${bad.why}`] : []
  tell('done', { ok: bad === undefined, records, problems, notes, signedTo, headSeen, chains: chains.length })
  raw.end()
}

/** Where the log lies is the host's business. */
function withoutFolder<V extends Omit<ChainsVerdict, 'chains'>>(verdict: V): V {
  const { bad } = verdict
  return bad ? { ...verdict, bad: { ...bad, file: basename(bad.file) } } : verdict
}

/** Yields as long as the client is there, and lets others have their turn in between. @throws ClientGone */
async function* whileThere(raw: ServerResponse, records: AsyncGenerator<Selected>): AsyncGenerator<Selected> {
  let untilMs = performance.now() + sliceMs
  for await (const record of records) {
    if (raw.destroyed) throw new ClientGone()
    yield record
    if (performance.now() < untilMs) continue
    await setImmediate()
    untilMs = performance.now() + sliceMs
  }
}

/** Waits for a slow client, instead of keeping for it what it does not take. @throws ClientGone */
async function write(raw: ServerResponse, text: string): Promise<void> {
  if (raw.write(text)) return
  const gone = new AbortController()
  const leave = () => gone.abort()
  raw.once('close', leave)
  await once(raw, 'drain', { signal: gone.signal }).catch(() => {
    throw new ClientGone()
  })
  raw.off('close', leave)
}
