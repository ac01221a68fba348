/**
 * `npm run bench -- --only start [--rounds 5] [--against MAIN.js]`: what a start costs, and how fast the gateway is in its
 * first second. Another build is measured by turns with this one.
 */
import { once } from 'node:events'
import { cpuMicros } from './cpu.ts'
import { type Load, run } from './load.ts'
import { smallRequest } from './prompts.ts'
import { gate, gateProgram, median } from './targets.ts'

/** Seconds under load: for the first second of CPU, until all code is compiled, and for what counts as steady. */
const seconds = { first: 4, settling: 5, steady: 3 }

interface Start {
  /** Milliseconds of CPU of all threads until the gateway listens. */
  readonly cpu: number
  /** Requests answered with the first second of CPU, which neighbours disturb less than a second of the clock. */
  readonly first: number
  /** Requests a second of CPU later on. */
  readonly later: number
}

/** Starts each program several times. @param against the program of another build, if any */
export async function starts(upstream: number, rounds: number, against: string | undefined): Promise<string> {
  const programs = [gateProgram, ...(against === undefined ? [] : [against])]
  const measured = programs.map((program) => ({ program, all: [] as Start[] }))
  for (let round = 0; round < rounds; round++)
    for (const { program, all } of measured) all.push(await start(upstream, program))
  return [
    '\n## Starting\n',
    '| program | CPU until it listens, ms | least | requests in the first second of CPU | a second of CPU, steady | ratio |\n|---|---|---|---|---|---|',
    ...measured.map(({ program, all }) => {
      const cpu = all.map((each) => each.cpu)
      const ratio = median(all.map(({ first, later }) => first / later)).toFixed(2)
      const [first, later] = [median(all.map((each) => each.first)), median(all.map((each) => each.later))]
      return `| ${program} | ${median(cpu).toFixed(0)} | ${Math.min(...cpu).toFixed(0)} | ${first.toFixed(0)} | ${later.toFixed(0)} | ${ratio} |`
    }),
  ].join('\n')
}

async function start(upstream: number, program: string): Promise<Start> {
  const { target, key } = await gate('start', upstream, { program })
  const spent = () => cpuMicros(target.process.pid ?? 0) / 1e6
  const cpu = spent() * 1000
  const load = { port: target.port, key, connections: 32, bodies: () => () => smallRequest() }
  const first = await inFirstSecond(load, spent)
  await run({ ...load, seconds: seconds.settling })
  const before = spent()
  const { answered } = await run({ ...load, seconds: seconds.steady })
  const later = answered / (spent() - before)
  const ended = once(target.process, 'exit')
  target.process.kill('SIGTERM')
  await ended
  return { cpu, first, later }
}

/** @returns how many requests are answered until the process has spent a second more. @throws if it has not in the time */
async function inFirstSecond(load: Omit<Load, 'seconds'>, spent: () => number): Promise<number> {
  const until = spent() + 1
  let answered = 0
  let first: number | undefined
  const onAnswer = (status: number) => {
    if (status !== 200) throw new Error(`answered with ${status}`)
    answered++
    if (first === undefined && spent() >= until) first = answered
  }
  await run({ ...load, seconds: seconds.first, onAnswer })
  if (first === undefined) throw new Error(`${answered} requests took less than a second of CPU`)
  return first
}
