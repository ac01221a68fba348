/**
 * `npm run bench -- --only telemetry`: what baselines, traces and labels cost a request in place, in CPU time of the whole
 * process. The gate with none of them is the base; all are loaded by turns.
 */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { measured, type Row, small } from './prices.ts'
import { gate, median } from './targets.ts'

/** Measures and renders the table. */
export async function telemetryPrices(upstream: number, rounds: number): Promise<string> {
  const collector = createServer((request, response) => {
    request.resume().on('end', () => response.setHeader('content-type', 'application/json').end('{}'))
  })
  await new Promise<void>((resolve) => collector.listen(0, '127.0.0.1', resolve))
  const { port } = collector.address() as AddressInfo
  const otlp = (metrics: boolean) =>
    `anomalies: { mode: off }\ntelemetry: { otlp: { url: "http://127.0.0.1:${port}", metrics: ${metrics} } }\n`
  try {
    const targets = [
      await gate('none of it', upstream, { more: 'anomalies: { mode: off }\n' }),
      await gate('anomalies', upstream, { more: 'anomalies: { mode: observe }\n' }),
      await gate('traces', upstream, { more: otlp(false) }),
      await gate('traces and GenAI metrics', upstream, { more: otlp(true) }),
    ]
    return table(await measured(targets, small, rounds))
  } finally {
    collector.close()
    collector.closeAllConnections()
  }
}

function table(rows: readonly Row[]): string {
  const base = rows[0]?.micros ?? []
  const lines = rows.map(({ target, micros }) => {
    const more = micros.map((each, round) => each - (base[round] ?? Number.NaN))
    const [least, leastMore] = [Math.min(...micros), Math.min(...micros) - Math.min(...base)]
    return `| ${target.name} | ${least.toFixed(0)} | ${median(micros).toFixed(0)} | ${leastMore.toFixed(0)} | ${median(more).toFixed(0)} |`
  })
  return `\n## Telemetry: 500-byte requests, 32 connections\n\n| gate with | least CPU µs/request | median | more than none: least | median of rounds |\n|---|---|---|---|---|\n${lines.join('\n')}`
}
