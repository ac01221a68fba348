/** How fast weights are hashed again, beside `sha256sum` on the same file in the same run. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

type HashFile = (path: string) => Promise<{ readonly sha256: string }>

const modules = join(import.meta.dirname, '../dist-modules')
const pieces = 16
const pieceBytes = 64 * 1024 ** 2

/** @returns a table for people @throws Error if the two do not agree */
export async function hashing(rounds: number): Promise<string> {
  const { hashFile } = (await import(join(modules, 'model-trust/on-disk/hash-file.js'))) as {
    hashFile: HashFile
  }
  const folder = mkdtempSync(join(tmpdir(), 'torwart-bench-'))
  const path = join(folder, 'weights')
  try {
    const file = openSync(path, 'w')
    const piece = Buffer.alloc(pieceBytes)
    for (let index = 0; index < pieces; index++) writeSync(file, piece.fill(index + 1))
    const ours: number[] = []
    const theirs: number[] = []
    const timed = async (into: number[], work: () => Promise<string>) => {
      const startedAt = performance.now()
      const digest = await work()
      into.push((pieces * pieceBytes) / 1e3 / (performance.now() - startedAt))
      return digest
    }
    for (let round = 0; round < rounds; round++) {
      const own = await timed(ours, async () => (await hashFile(path)).sha256)
      const other = await timed(theirs, async () => execFileSync('sha256sum', [path]).toString().slice(0, 64))
      if (own !== other) throw new Error('hashing gives another digest than sha256sum')
    }
    const middle = (all: readonly number[]) =>
      all.toSorted((a, b) => a - b)[Math.floor(all.length / 2)] ?? Number.NaN
    const ratios = ours.map((speed, round) => speed / (theirs[round] ?? Number.NaN))
    const resident = /VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]
    return [
      `hashing 1 GiB, MB/s: ${middle(ours).toFixed(0)}; sha256sum: ${middle(theirs).toFixed(0)}`,
      `ratio in the same round: ${middle(ratios).toFixed(2)} (least ${Math.min(...ratios).toFixed(2)}; goal: 0.8)`,
      `memory at most: ${Math.round(Number(resident) / 1024)} MiB`,
    ].join('\n')
  } finally {
    rmSync(folder, { recursive: true })
  }
}
