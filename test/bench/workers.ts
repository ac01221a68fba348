/**
 * `npm run bench -- --only workers`: one process against two workers, by turns, on the same two cores as the load and the
 * model server, which have none of their own. So two workers cannot be twice as fast: what the load takes is missing to
 * them. Beside what was measured stands what the CPU times of the same rounds allow where no neighbour disturbs.
 */
import { readFileSync } from 'node:fs'
import { cpuMicros } from './cpu.ts'
import { type Load, run } from './load.ts'
import { conversation, smallRequest } from './prompts.ts'
import { type GateTarget, gate, median, modelServer, redis } from './targets.ts'

const cores = '0,1'
const warmUpSeconds = 4

interface Row extends GateTarget {
  readonly workers: number
  readonly perSecond: number[]
  /** Microseconds a request: of all processes of the gateway, of its primary, and of load and model server. */
  readonly gate: number[]
  readonly primary: number[]
  readonly load: number[]
}

/** Measures and renders the table. */
export async function workersAgainstOne(rounds: number, seconds: number): Promise<string> {
  const upstream = await modelServer(cores)
  const shared = await redis()
  const kinds: readonly (readonly [string, number | undefined])[] = [
    ['memory', undefined],
    ...(shared ? [['Redis', shared.port] as const] : []),
  ]
  const lines = [
    `\n## Two workers, on the two cores of the load: ${rounds} interleaved rounds of ${seconds} s\n`,
    '| load, store | processes | requests/s | ratio | CPU µs/request | of the primary | of load and model | ratio that these allow |',
    '|---|---|---|---|---|---|---|---|',
  ]
  for (const [store, redisPort] of kinds) {
    const rows: Row[] = []
    for (const workers of [1, 2]) {
      const target = await gate(`${workers}`, upstream.port, { redisPort, workers, cores })
      rows.push({ ...target, workers, perSecond: [], gate: [], primary: [], load: [] })
    }
    for (const [name, load] of loads) {
      for (const row of rows) await once(row, load, warmUpSeconds, upstream.pid)
      for (const { perSecond, gate, primary, load } of rows)
        for (const figures of [perSecond, gate, primary, load]) figures.splice(0)
      for (let round = 0; round < rounds; round++)
        for (const row of rows) await once(row, load, seconds, upstream.pid)
      lines.push(...rows.map((row) => lineOf(`${name}, ${store}`, row, rows[0] ?? row)))
    }
  }
  return lines.join('\n')
}

const loads: readonly (readonly [string, Pick<Load, 'connections' | 'bodies'>])[] = [
  ['500 bytes', { connections: 32, bodies: () => () => smallRequest() }],
  ['40 KB conversation', { connections: 16, bodies: conversation }],
]

async function once(
  row: Row,
  load: Pick<Load, 'connections' | 'bodies'>,
  seconds: number,
  model: number,
): Promise<void> {
  const main = row.target.process.pid ?? 0
  const family = [main, ...childrenOf(main)]
  const others = [process.pid, model]
  const sum = (pids: readonly number[]) => pids.reduce((all, pid) => all + cpuMicros(pid), 0)
  const [gateBefore, mainBefore, loadBefore] = [sum(family), sum([main]), sum(others)]
  const { perSecond, answered } = await run({ ...load, port: row.target.port, key: row.key, seconds })
  row.perSecond.push(perSecond)
  row.gate.push((sum(family) - gateBefore) / answered)
  row.primary.push((sum([main]) - mainBefore) / answered)
  row.load.push((sum(others) - loadBefore) / answered)
}

/** One process has at most a core; of two cores, all processes have what the load leaves. */
function lineOf(name: string, row: Row, one: Row): string {
  const ratios = row.perSecond.map((each, round) => each / (one.perSecond[round] ?? Number.NaN))
  const least = (figures: readonly number[]) => Math.min(...figures)
  const alone = 1 / Math.max(least(one.gate), (least(one.gate) + least(one.load)) / 2)
  const allowed = 2 / (least(row.gate) + least(row.load)) / alone
  return `| ${name} | ${row.workers === 1 ? 'one' : 'primary and two workers'} | ${Math.round(median(row.perSecond))} | ${median(ratios).toFixed(2)} | ${least(row.gate).toFixed(0)} | ${row.workers === 1 ? '–' : least(row.primary).toFixed(0)} | ${least(row.load).toFixed(0)} | ${row.workers === 1 ? '–' : allowed.toFixed(2)} |`
}

function childrenOf(pid: number): number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1')
  return text.split(' ').filter(Boolean).map(Number)
}
