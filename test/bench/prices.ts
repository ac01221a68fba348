/**
 * `npm run bench -- --only cpu`: what each stage costs in place. The rival and gates that differ in one setting are
 * loaded by turns, in rounds of half a second, and the CPU time of each whole process is counted per request. A busy
 * neighbour slows all of them alike, so ratios of one round hold where figures do not; the least of all rounds is what
 * the code takes when nobody disturbs it.
 */
import { cpuMicros, systemShare, type Ticks, ticksOf } from './cpu.ts'
import { type Load, run } from './load.ts'
import { conversation, smallRequest } from './prompts.ts'
import { type GateSettings, type GateTarget, gate, redis, rival, type Target } from './targets.ts'

const roundSeconds = 0.5
const warmUpSeconds = 4
const off = 'off'

type Lacking = readonly [name: string, settings: GateSettings]
type Asked = Pick<Load, 'connections' | 'bodies'>

/** Gates that lack one thing each; what it costs is how much less they take. */
const without: readonly Lacking[] = [
  ['prompt guard', { promptGuard: off }],
  ['output guard', { outputGuard: off }],
  ['texts on record', { audit: '{ content: none }' }],
  ['limits', { limits: 'requestsPerMinute: unlimited' }],
]
const withoutGuards: Lacking = [
  'guards and content',
  { promptGuard: off, outputGuard: off, audit: '{ content: none }' },
]

/** A 500-byte request over 32 connections. */
export const small: Asked = { connections: 32, bodies: () => () => smallRequest() }
const streams: Asked = { connections: 16, bodies: () => () => smallRequest(true) }
const conversations: readonly (readonly [title: string, load: Asked])[] = [
  [
    '40 KB conversations with one message more, the oldest left out',
    { connections: 16, bodies: () => conversation() },
  ],
  [
    '40 KB conversations that grow, the twelve oldest left out now and then',
    { connections: 16, bodies: () => conversation(12) },
  ],
]

/** What was measured of one target. */
export interface Row {
  readonly target: Target
  readonly key: string
  /** Microseconds a request, one figure a round. */
  readonly micros: number[]
  readonly before: Ticks | undefined
}

/** Measures and renders all tables, or the one that is named: `small`, `streams` or `conversations`. */
export async function prices(upstream: number, rounds: number, only = ''): Promise<string> {
  const bare: GateTarget = { target: await rival(upstream), key: 'none', auditFile: '' }
  const whole = await gate('gate, everything on', upstream)
  const guardless = await lacking(withoutGuards, upstream)
  const few = [bare, whole, guardless]
  const tables: string[] = []
  if (only === '' || only === 'small') {
    const server = await redis()
    const shared = server && (await gate('gate, everything on, Redis', upstream, { redisPort: server.port }))
    const others: GateTarget[] = []
    for (const one of without) others.push(await lacking(one, upstream))
    const all = [bare, whole, ...(shared ? [shared] : []), ...others, guardless]
    tables.push(table('500-byte requests, 32 connections', await measured(all, small, rounds)))
  }
  if (only === '' || only === 'streams')
    tables.push(table('Streams of 200 chunks', await measured(few, streams, rounds)))
  if (only === '' || only === 'conversations')
    for (const [title, load] of conversations) tables.push(table(title, await measured(few, load, rounds)))
  return tables.join('\n')
}

function lacking([name, settings]: Lacking, upstream: number): Promise<GateTarget> {
  return gate(`gate without ${name}`, upstream, settings)
}

/** Loads targets by turns. @returns the CPU time per request of each, in rounds */
export async function measured(targets: readonly GateTarget[], load: Asked, rounds: number): Promise<Row[]> {
  // A conversation goes on from round to round, or every round would begin with texts that nobody has read before.
  const sources = new Map(targets.map(({ target }) => [target, goingOn(load)]))
  const once = async ({ target, key }: Pick<Row, 'target' | 'key'>, seconds: number): Promise<number> => {
    const pid = target.process.pid ?? 0
    const before = cpuMicros(pid)
    const bodies = sources.get(target) ?? load.bodies
    const { answered } = await run({ ...load, bodies, port: target.port, key, seconds })
    return (cpuMicros(pid) - before) / answered
  }
  for (const target of targets) await once(target, warmUpSeconds)
  const rows = targets.map(({ target, key }): Row => {
    return { target, key, micros: [], before: ticksOf(target.process.pid ?? 0) }
  })
  for (let round = 0; round < rounds; round++)
    for (const row of rows) row.micros.push(await once(row, roundSeconds))
  return rows
}

/** As many sources as connections, the same ones for every run. */
function goingOn({ connections, bodies }: Asked): () => () => string {
  const sources = Array.from({ length: connections }, bodies)
  let next = 0
  return () => sources[next++ % connections] ?? bodies()
}

function table(title: string, rows: readonly Row[]): string {
  const [bare, whole] = rows
  const lines = rows.map((row) => {
    const ratios = row.micros.map((each, round) => each / (bare?.micros[round] ?? Number.NaN))
    const less = row.micros.map((each, round) => (whole?.micros[round] ?? Number.NaN) - each)
    const system = systemShare(row.before, ticksOf(row.target.process.pid ?? 0))
    const saved = row.target.name.includes('without') ? median(less).toFixed(0) : '–'
    return `| ${row.target.name} | ${least(row.micros).toFixed(0)} | ${median(row.micros).toFixed(0)} | ${(100 * system).toFixed(0)} % | ${(least(row.micros) / least(bare?.micros ?? [])).toFixed(2)} | ${median(ratios).toFixed(2)} | ${saved} |`
  })
  return `\n## CPU: ${title}\n\n| target | least µs/request | median | in the kernel | × bare (least) | × bare (median of rounds) | saves µs |\n|---|---|---|---|---|---|---|\n${lines.join('\n')}`
}

const median = (numbers: readonly number[]) =>
  numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN
const least = (numbers: readonly number[]) => Math.min(...numbers)
