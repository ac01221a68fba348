/** `npm run bench -- --only cpu --profile FILE.svg`: a flame graph of the gate under load, everything on. */
import { once } from 'node:events'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type CpuProfile, flameGraph } from './flame.ts'
import { run } from './load.ts'
import { conversation, smallRequest } from './prompts.ts'
import { folder, gate } from './targets.ts'

const seconds = 8

/** Loads a gate of its own for some seconds and writes what it did to `file`. @param of `small`, `streams` or `conversations` */
export async function profile(upstream: number, file: string, of: string): Promise<string> {
  const nodeOptions = ['--cpu-prof', `--cpu-prof-dir=${join(folder, 'profile')}`]
  const { target, key } = await gate('gate under the profiler', upstream, { nodeOptions })
  await run({ port: target.port, key, connections: 32, seconds, bodies: bodiesOf(of) })
  target.process.kill('SIGTERM')
  await once(target.process, 'exit')
  const [written] = readdirSync(join(folder, 'profile'))
  if (written === undefined) throw new Error('the gate wrote no profile')
  const recorded = JSON.parse(readFileSync(join(folder, 'profile', written), 'utf8')) as CpuProfile
  writeFileSync(file, flameGraph(recorded))
  return `\nFlame graph of ${seconds} s under load: ${file}`
}

function bodiesOf(load: string): () => () => string {
  if (load === 'conversations') return () => conversation()
  return () => () => smallRequest(load === 'streams')
}
