/**
 * `npm run bench [-- --rounds 5 --seconds 4 --only start|cpu|small|conversation|latency|stream|limits|outage|audit|memory|paced|scan|hash|telemetry|workers] [--table small|streams|conversations]`
 *
 * Every target is measured in interleaved rounds, and what counts is each one's ratio to the rival in the same
 * run: seconds on a shared machine mean little. CPU time per request is measured beside throughput, because it
 * is what a noisy neighbour disturbs least.
 */
import { parseArgs } from 'node:util'
import { verifyMany } from './audit.ts'
import { cpuSeconds, residentMiB } from './cpu.ts'
import { hashing } from './hash.ts'
import { type Load, run } from './load.ts'
import { outage } from './outage.ts'
import { paced, pacedStreams } from './paced.ts'
import { prices } from './prices.ts'
import { profile } from './profile.ts'
import { conversation, smallRequest } from './prompts.ts'
import { scanning } from './scan.ts'
import { starts } from './start.ts'
import { streamedLines } from './streamed-lines.ts'
import {
  gate,
  median,
  modelServer,
  nginx,
  noLimits,
  redis,
  rival,
  stopAll,
  type Target,
  withBreakers,
} from './targets.ts'
import { telemetryPrices } from './telemetry.ts'
import { telemetryParts } from './telemetry-parts.ts'
import { workersAgainstOne } from './workers.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '4' },
    only: { type: 'string', default: '' },
    profile: { type: 'string' },
    against: { type: 'string' },
    table: { type: 'string', default: '' },
    records: { type: 'string', default: '1000000' },
  },
})
const rounds = Number(values.rounds)
const seconds = Number(values.seconds)
const say = (text: string) => process.stdout.write(`${text}\n`)

interface Row {
  readonly target: Target
  readonly perSecond: number[]
  readonly p50: number[]
  readonly p99: number[]
  readonly cpuMicros: number[]
}

const least = (numbers: readonly number[]) => Math.min(...numbers)

async function measure(
  targets: readonly Target[],
  key: (target: Target) => string,
  load: Pick<Load, 'connections' | 'bodies'>,
) {
  const rows: Row[] = targets.map((target) => ({ target, perSecond: [], p50: [], p99: [], cpuMicros: [] }))
  const once = async (target: Target, seconds: number) => {
    const before = cpuSeconds(target.process.pid ?? 0)
    const measured = await run({ ...load, port: target.port, key: key(target), seconds })
    const after = cpuSeconds(target.process.pid ?? 0)
    const cpu = before === undefined || after === undefined ? Number.NaN : after - before
    return { measured, cpuMicros: (cpu * 1e6) / measured.answered }
  }
  for (const { target } of rows) await once(target, Math.max(2, seconds / 2)) // until the code is compiled
  for (let round = 0; round < rounds; round++)
    for (const row of rows) {
      const { measured, cpuMicros } = await once(row.target, seconds)
      row.perSecond.push(measured.perSecond)
      row.p50.push(measured.p50)
      row.p99.push(measured.p99)
      row.cpuMicros.push(cpuMicros)
    }
  return rows
}

function throughput(
  title: string,
  rows: readonly Row[],
  rivalName: string,
  unit = 'requests/s',
  per = 1,
): void {
  say(`\n## ${title}\n\n| target | ${unit} | ratio | CPU µs/request | ratio of CPU |\n|---|---|---|---|---|`)
  const rival = rows.find(({ target }) => target.name === rivalName)
  // Round by round, so that both sides of a ratio were measured within seconds of each other.
  for (const { target, perSecond, cpuMicros } of rows) {
    const ratios = perSecond.map((each, round) => each / (rival?.perSecond[round] ?? Number.NaN))
    const cpu = least(rival?.cpuMicros ?? []) / least(cpuMicros)
    say(
      `| ${target.name} | ${Math.round(median(perSecond) * per)} | ${median(ratios).toFixed(2)} | ${figure(least(cpuMicros), 0)} | ${figure(cpu, 2)} |`,
    )
  }
}

/** nginx works in a child of the process that was started, whose time is not its own. */
function figure(number: number, digits: number): string {
  return Number.isFinite(number) && number > 0 ? number.toFixed(digits) : '–'
}

function latency(rows: readonly Row[], direct: string): void {
  say('\n## One connection: latency\n\n| target | p50 µs | added | p99 µs |\n|---|---|---|---|')
  const base = rows.find(({ target }) => target.name === direct)
  for (const { target, p50, p99 } of rows) {
    const added = median(p50.map((each, round) => each - (base?.p50[round] ?? Number.NaN)))
    say(`| ${target.name} | ${median(p50).toFixed(0)} | ${added.toFixed(0)} | ${median(p99).toFixed(0)} |`)
  }
}

/** CPU of our own process; the first row is the base. */
function costs(title: string, rows: readonly Row[]): void {
  say(`\n## ${title}\n\n| target | CPU µs/request | more than without, median of the rounds |\n|---|---|---|`)
  for (const { target, cpuMicros } of rows) {
    const more = cpuMicros.map((each, round) => each - (rows[0]?.cpuMicros[round] ?? Number.NaN))
    say(`| ${target.name} | ${figure(median(cpuMicros), 0)} | ${median(more).toFixed(0)} |`)
  }
}

const wanted = (part: string) => values.only === '' || values.only === part

try {
  if (wanted('scan')) say(await scanning(rounds))
  if (wanted('hash')) say(await hashing(rounds))
  if (wanted('start')) say(await starts((await modelServer()).port, rounds, values.against))
  if (wanted('cpu')) await cpu()
  if (wanted('paced')) {
    const { port } = await modelServer(1, 200)
    say(
      await paced(await gate('gate, memory store', port, { atOnce: pacedStreams, program: values.against })),
    )
  }
  if (wanted('telemetry')) say(await telemetryParts())
  if (wanted('telemetry')) say(await telemetryPrices((await modelServer()).port, Math.max(40, rounds)))
  if (values.only === 'workers') say(await workersAgainstOne(rounds, seconds))
  if (!['scan', 'hash', 'start', 'cpu', 'paced', 'telemetry', 'workers'].includes(values.only)) await beside()
} finally {
  stopAll()
}

async function cpu(): Promise<void> {
  const { port: upstream } = await modelServer()
  say(
    await (values.profile === undefined
      ? prices(upstream, Math.max(20, rounds), values.table)
      : profile(upstream, values.profile, values.table)),
  )
}

async function beside(): Promise<void> {
  const { port: upstream } = await modelServer()
  const bare = await rival(upstream)
  const server = await nginx(upstream)
  const memory = await gate('gate, memory store', upstream)
  const redisServer = await redis()
  const redisPort = redisServer?.port
  const shared = redisPort === undefined ? undefined : await gate('gate, Redis', upstream, { redisPort })
  const keys = new Map([[memory.target, memory.key]])
  if (shared) keys.set(shared.target, shared.key)
  const key = (target: Target) => keys.get(target) ?? 'none'
  const all = [bare, ...(server ? [server] : []), memory.target, ...(shared ? [shared.target] : [])]
  const node = [bare, memory.target, ...(shared ? [shared.target] : [])]
  say(`Node ${process.version}; one core a target; ${rounds} interleaved rounds of ${seconds} s; medians.`)
  say(`nginx: ${server ? 'yes' : 'not installed'}; redis-server: ${shared ? 'yes' : 'not installed'}.`)
  for (const { name, configuration } of all) say(`\n--- ${name}\n${configuration}`)

  if (wanted('small'))
    throughput(
      '500-byte requests, 32 connections',
      await measure(all, key, { connections: 32, bodies: () => smallRequest }),
      bare.name,
    )
  if (wanted('conversation'))
    throughput(
      '40 KB conversation resent with one message more, 16 connections',
      await measure(all, key, { connections: 16, bodies: () => conversation() }),
      bare.name,
    )
  if (wanted('stream'))
    throughput(
      `Streams of ${streamedLines} chunks, 16 connections`,
      await measure(all, key, { connections: 16, bodies: () => () => smallRequest(true) }),
      bare.name,
      'chunks/s',
      streamedLines,
    )
  if (wanted('latency')) {
    const direct: Target = {
      name: 'direct',
      port: upstream,
      process: bare.process,
      configuration: '',
    }
    latency(await measure([direct, ...node], key, { connections: 1, bodies: () => smallRequest }), 'direct')
  }
  if (wanted('limits')) {
    const off = await gate('limits off', upstream, { limits: noLimits })
    const on = await gate('all limits and breakers, memory', upstream, { limits: withBreakers })
    const far =
      redisPort &&
      (await gate('all limits and breakers, Redis', upstream, { redisPort, limits: withBreakers }))
    const limited = [off, on, ...(far ? [far] : [])]
    const keyOf = (target: Target) => limited.find((each) => each.target === target)?.key ?? ''
    const targets = limited.map(({ target }) => target)
    for (const connections of [32, 1])
      costs(
        `What limits cost, ${connections} connection${connections > 1 ? 's' : ''}`,
        await measure(targets, keyOf, { connections, bodies: () => smallRequest }),
      )
  }
  if (wanted('outage') && redisServer)
    say(await outage(redisServer, await gate('gate', upstream, { redisPort, timeout: '250ms' })))
  if (wanted('audit')) {
    const least = await gate('content: none, sync: none', upstream, {
      audit: '{ content: none, sync: none }',
    })
    const usual = await gate('content: masked, sync: group', upstream)
    const each = await gate('content: masked, sync: each', upstream, { audit: '{ sync: each }' })
    const logged = [least, usual, each]
    const keyOf = (target: Target) => logged.find((one) => one.target === target)?.key ?? ''
    const rows = await measure(
      logged.map(({ target }) => target),
      keyOf,
      { connections: 32, bodies: () => smallRequest },
    )
    throughput('The audit log: 500-byte requests, 32 connections', rows, least.target.name, 'requests/s')
    stopAll()
    say(await verifyMany(Number(values.records)))
  }
  if (wanted('memory')) {
    let answered = 0
    const pid = memory.target.process.pid ?? 0
    const before = residentMiB(pid)
    while (answered < 100_000)
      answered += (
        await run({
          port: memory.target.port,
          key: memory.key,
          connections: 32,
          seconds: 5,
          bodies: () => smallRequest,
        })
      ).answered
    say(
      `\n## Memory\n\n${before?.toFixed(0)} MiB before, ${residentMiB(pid)?.toFixed(0)} MiB after ${answered} requests more.`,
    )
  }
}
