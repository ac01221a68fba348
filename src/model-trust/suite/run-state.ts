/**
 * What a run has so far: a line for each answer, appended as it comes, so that a run that was killed goes on where it was.
 * The file's name is made of all that the answers depend on, so no answer is taken for one of another run.
 */
import { createHash } from 'node:crypto'
import { appendFileSync, existsSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { tryJson } from '../../core/json.ts'
import { makeFolder } from '../../files/folder.ts'
import type { Capabilities } from './plan.ts'
import { isSample, placeOf, type Sample } from './sample.ts'

/** What the answers of a run depend on. */
export interface RunKey {
  readonly suite: string
  readonly model: string
  readonly digest: string | null
  readonly upstream: string
  readonly seed: number
  readonly capabilities: Capabilities
}

/** Answers of a run on disk. */
export interface RunState {
  readonly file: string
  /** Those that were there already, by place. */
  readonly samples: ReadonlyMap<string, Sample>
  /** Writes one more before it returns. @throws what `fs` throws */
  add(sample: Sample): void
}

/** Opens the state of a run in a folder, which is made. @throws what `fs` throws */
export function openRunState(folder: string, key: RunKey): RunState {
  makeFolder(folder)
  const head = JSON.stringify(key)
  const id = createHash('sha256').update(head).digest('hex').slice(0, 16)
  const file = join(folder, `run-${id}.jsonl`)
  const samples = new Map<string, Sample>()
  if (existsSync(file)) keepWhole(file, head, samples)
  else writeFileSync(file, `${head}\n`, { mode: 0o600 })
  return {
    file,
    samples,
    add(sample) {
      samples.set(placeOf(sample), sample)
      appendFileSync(file, `${JSON.stringify(sample)}\n`)
    },
  }
}

/** Reads the lines that are whole, and cuts off what a killed process left behind them. */
function keepWhole(file: string, head: string, samples: Map<string, Sample>): void {
  const text = readFileSync(file, 'utf8')
  const [first, ...lines] = text.split('\n')
  if (first !== head) {
    writeFileSync(file, `${head}\n`, { mode: 0o600 })
    return
  }
  let end = Buffer.byteLength(head) + 1
  // The last piece has no newline behind it, so it is not whole.
  for (const line of lines.slice(0, -1)) {
    const value: unknown = tryJson(line)
    if (!isSample(value)) break
    samples.set(placeOf(value), value)
    end += Buffer.byteLength(line) + 1
  }
  truncateSync(file, end)
}
