/** `npm run simulate -- SUBJECT`: how often something raises a false alarm on made-up data, and how much it misses. */
import { readFileSync } from 'node:fs'
import { readSuite } from '../../src/model-trust/suite/read-suite.ts'
import { simulateAnomalies } from './anomalies/report.ts'
import { simulateModels } from './models.ts'

const [subject, runs] = process.argv.slice(2)
const subjects: Readonly<Record<string, (runs: number | undefined) => Iterable<string>>> = {
  models: (count = 200) =>
    simulateModels(readSuite('basic.yaml', readFileSync('config/suites/basic.yaml')), count),
  anomalies: (count = 4) => simulateAnomalies(count),
}
const simulate = subjects[subject ?? '']
if (simulate === undefined || (runs !== undefined && !/^[1-9]\d{0,5}$/.test(runs))) {
  process.stderr.write('usage: npm run simulate -- models|anomalies [RUNS]\n')
  process.exit(2)
}
for (const line of simulate(runs === undefined ? undefined : Number(runs))) process.stdout.write(`${line}\n`)
