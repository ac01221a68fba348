/**
 * What the parts that follow a finished request take, alone and in this process. Hot: CPU time of all threads, so that the
 * collector of garbage counts, of many rounds over requests that were just used, as a gate has just used them. Cold: after
 * other data was read; one request at a time where a gate does it so, a batch otherwise. All by turns, because a busy
 * neighbour slows all alike: writing a record as JSON is measured beside them.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { settledRequest } from './settled.ts'
import { median } from './targets.ts'

type Settled = object
interface Part {
  readonly name: string
  /** Microseconds a request. */
  readonly goal: number | undefined
  /** Whether a gate does it for many requests at once, off their turns. */
  readonly isBatch: boolean
  run(requests: readonly Settled[]): unknown
}

/** Requests in one round: as many as a batch has, or half a busy second. */
const perRound = 512
/** Requests with as many spans as are sent at once. */
const perExport = 85
/** Requests that fit into the near caches. */
const pool = 32
const rounds = 60
const warmUp = 20
const coldCalls = 8
const coldMegabytes = 8
const startMs = Date.UTC(2026, 0, 5, 10)

/** Measures and renders the table. */
export async function telemetryParts(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'torwart-parts-'))
  // The watch does not keep a process alive.
  const alive = setInterval(() => {}, 60_000)
  try {
    const parts: Part[] = [
      reference,
      ...(await anomalyParts(join(folder, 'audit.jsonl.anomalies'))),
      ...(await otlpParts()),
    ]
    const rows = parts.map((part) => ({ part, hot: [] as number[], cold: [] as number[] }))
    for (let round = -warmUp; round < rounds; round++)
      for (const { part, hot, cold } of rows) {
        const micros = await hotMicros(part)
        const coldOnes = part.isBatch ? [await coldBatch(part)] : coldSingly(part)
        if (round < 0) continue
        hot.push(micros)
        cold.push(...coldOnes)
      }
    const lines = rows.map(
      ({ part: { name, goal = '–' }, hot, cold }) => `| ${name} | ${goal} | ${shown(hot)} | ${shown(cold)} |`,
    )
    return `\n## Telemetry: parts in a loop, µs/request, least (median) of ${rounds} rounds of ${perRound}\n\n| part | goal | hot, CPU | after ${coldMegabytes} MB |\n|---|---|---|---|\n${lines.join('\n')}`
  } finally {
    clearInterval(alive)
    rmSync(folder, { recursive: true, force: true })
  }
}

const shown = (micros: readonly number[]) =>
  `${Math.min(...micros).toFixed(1)} (${median(micros).toFixed(1)})`

async function hotMicros({ run }: Part): Promise<number> {
  const few = nextRequests(pool)
  const requests = Array.from({ length: perRound }, (_, at) => few[at % pool] ?? {})
  return microsOf(() => run(requests))
}

async function coldBatch({ run }: Part): Promise<number> {
  const requests = nextRequests(perRound)
  readOther()
  return microsOf(() => run(requests))
}

async function microsOf(work: () => unknown): Promise<number> {
  const before = process.cpuUsage()
  await work()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / perRound
}

/** Too short for the counter of CPU time. The request itself is in the cache, as in a gate. */
function coldSingly({ run }: Part): number[] {
  return nextRequests(coldCalls).map((settled) => {
    readOther()
    JSON.stringify(settled)
    const before = performance.now()
    run([settled])
    return 1000 * (performance.now() - before)
  })
}

let count = 0
/** A thousand requests a second. */
const nowMs = () => startMs + count

function nextRequests(length: number): Settled[] {
  return Array.from({ length }, () => settledRequest(++count, nowMs(), { keys: 20, models: 3 }))
}

// Filled, because pages that nobody has written are one and the same.
const cacheLine = 16
const perMegabyte = 262_144
const otherData = new Int32Array(coldMegabytes * perMegabyte).fill(1)
let seen = 0

function readOther(): void {
  for (let at = 0; at < coldMegabytes * perMegabyte; at += cacheLine) seen = (seen + (otherData[at] ?? 0)) | 0
}

const reference: Part = {
  ...{ name: '(a record as JSON, for comparison)', goal: undefined, isBatch: false },
  run: (requests) => requests.map((settled) => JSON.stringify((settled as { record: unknown }).record)),
}

const load = (path: string) => import(new URL(`../dist-modules/${path}`, import.meta.url).href)

async function anomalyParts(file: string): Promise<Part[]> {
  const { Observing } = await load('pipeline/finish/observation.js')
  const observing: { of(settled: Settled): object } = new Observing()
  const { AnomalyWatch } = await load('anomalies/watch.js')
  let looked = () => {}
  const nothing = () => {}
  const watch = new AnomalyWatch({
    settings: () => ({ mode: 'alert', perWeek: 1, webhook: undefined, freezeForMs: 1 }),
    ...{ file, shared: undefined, everyMs: 1, saveMs: 60_000, replay: async function* () {} },
    clock: { wallMs: nowMs, monotonicMs: nowMs },
    ...{ onChange: nothing, onLearning: nothing, onDropped: nothing, onUnshared: nothing, report: nothing },
    onOpen: () => looked(),
  })
  watch.start()
  const observe = async (requests: readonly Settled[]) => {
    for (const settled of requests) watch.put(observing.of(settled))
    // What was put is taken by the next look, and looked at when that one tells.
    await new Promise<void>((resolve) => {
      looked = resolve
    })
  }
  return [
    {
      ...{ name: 'anomalies: observation', goal: undefined, isBatch: false },
      run: (requests) => requests.map((settled) => observing.of(settled)),
    },
    { name: 'anomalies: observation, queue, baselines', goal: 5, isBatch: true, run: observe },
  ]
}

interface Encoder {
  traces(spans: readonly unknown[]): Uint8Array
  record(...value: unknown[]): void
}

async function otlpParts(): Promise<Part[]> {
  const { spansOf }: { spansOf(settled: Settled, content: boolean): unknown[] } =
    await load('pipeline/traces/spans.js')
  const { createGenAiCounter }: { createGenAiCounter(count: Encoder['record']): (settled: Settled) => void } =
    await load('pipeline/traces/gen-ai-metrics.js')
  const { createOtlpEncoder }: { createOtlpEncoder(of: object): Encoder } =
    await load('telemetry/otlp/encoder.js')
  const encoder = createOtlpEncoder({ version: '0.0.0', instance: 'bench' })
  const countGenAi = createGenAiCounter(encoder.record)
  const spans = (requests: readonly Settled[]) => requests.flatMap((settled) => spansOf(settled, false))
  return [
    { name: 'spans of a request (three)', goal: undefined, isBatch: false, run: spans },
    {
      ...{ name: 'spans, written as OTLP', goal: 10, isBatch: true },
      run(requests) {
        for (let at = 0; at < requests.length; at += perExport)
          encoder.traces(spans(requests.slice(at, at + perExport)))
      },
    },
    { name: 'GenAI histograms', goal: 3, isBatch: false, run: (requests) => requests.forEach(countGenAi) },
  ]
}
