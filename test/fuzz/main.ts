/**
 * `npm run fuzz`: the properties over requests and answers, many times. Prints what a failure needs to be repeated.
 * What is not generated is not caught; see test/README.md.
 */
import { parseArgs } from 'node:util'
import { dialects } from '../../src/dialects/dialects.ts'
import { cutAtRandom, recordings } from './answers.ts'
import { Random } from './random.ts'
import { createRun, type Tally, type Target } from './requests.ts'
import { routeOf } from './servers.ts'

const { values } = parseArgs({
  options: {
    cases: { type: 'string', default: '100000' },
    seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
  },
})
const cases = Number(values.cases)
const seed = Number(values.seed)
if (!Number.isSafeInteger(cases) || cases < 1 || !Number.isSafeInteger(seed))
  throw new RangeError('--cases and --seed are whole numbers')

// Half of the cases end in an error that nobody looks at the stack of.
Error.stackTraceLimit = 0

const say = (line: string) => process.stdout.write(`${line}\n`)
const targets = dialects.flatMap(({ name, endpoints }): Target[] =>
  endpoints.flatMap((endpoint) =>
    endpoint.kind === 'exchange' && !endpoint.upload ? [{ dialect: name, endpoint }] : [],
  ),
)
for (const { endpoint } of targets)
  if (!routeOf(endpoint.serverPath ?? endpoint.path, 'localai'))
    say(`not in test/fuzz/servers.ts, read roughly: ${endpoint.path}`)

say(`${cases} cases, seed ${seed}`)
const tallies = new Map<string, Tally>()
const startedAt = performance.now()
const cpuAt = process.cpuUsage()
const failure = createRun(targets).run(cases, seed, tallies)
const seconds = (performance.now() - startedAt) / 1000
const cpuSeconds = process.cpuUsage(cpuAt).user / 1e6

const sums = new Map<string, Tally>()
for (const [name, { accepted, refused }] of [...tallies].sort()) {
  say(`${name.padEnd(40)} accepted ${String(accepted).padStart(7)}  refused ${String(refused).padStart(7)}`)
  const dialect = name.split(' ', 1)[0] ?? ''
  const sum = sums.get(dialect) ?? { accepted: 0, refused: 0 }
  sums.set(dialect, { accepted: sum.accepted + accepted, refused: sum.refused + refused })
}
for (const [dialect, { accepted, refused }] of sums)
  say(
    `${dialect}: ${Math.round((100 * accepted) / (accepted + refused))} % of ${accepted + refused} accepted`,
  )

if (failure) {
  say(`FAILED with seed ${failure.seed} on ${failure.path} (${failure.server}): ${failure.message}`)
  say(failure.body)
  process.exitCode = 1
} else {
  say(`${Math.round(cases / seconds)} cases/s, ${Math.round(cases / cpuSeconds)} per second of CPU`)
  const rng = new Random(seed)
  const answers = recordings()
  const rounds = Math.ceil(cases / 2000)
  for (const answer of answers) for (let round = 0; round < rounds; round++) cutAtRandom(answer, rng)
  say(`${answers.length} recorded answers, each cut ${rounds} times: read alike`)
}
