/** `npm run simulate -- SUBJECT`: how often a comparison of answers raises a false alarm, and how much it misses. */
import { readFileSync } from 'node:fs'
import { readSuite } from '../../src/model-trust/suite/read-suite.ts'
import { simulateModels } from './models.ts'

const [subject, runs = '200'] = process.argv.slice(2)
if (subject !== 'models' || !/^[1-9]\d{0,5}$/.test(runs)) {
  process.stderr.write('usage: npm run simulate -- models [RUNS]\n')
  process.exit(2)
}
const suite = readSuite('basic.yaml', readFileSync('config/suites/basic.yaml'))
for (const line of simulateModels(suite, Number(runs))) process.stdout.write(`${line}\n`)
