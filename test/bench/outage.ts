/** Redis hangs for ten seconds under load: how long anybody waits, what is lost, when all is well again. */
import type { ChildProcess } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { run } from './load.ts'
import { smallRequest } from './prompts.ts'
import type { GateTarget } from './targets.ts'

const awayMs = 10_000
const beforeMs = 2_000
const afterMs = 4_000

/** @returns a section of the report */
export async function outage(
  redis: { readonly process: ChildProcess },
  { target, key, auditFile }: GateTarget,
): Promise<string> {
  const answers = { passed: 0, refused: 0, other: 0 }
  let maxLength = 0
  let phase: 'before' | 'away' | 'after' = 'before'
  let backAt = 0
  let recoveredMs: number | undefined
  let refusedLastMs = 0
  const stop = setTimeout(() => {
    phase = 'away'
    redis.process.kill('SIGSTOP')
  }, beforeMs)
  const go = setTimeout(() => {
    phase = 'after'
    backAt = performance.now()
    redis.process.kill('SIGCONT')
  }, beforeMs + awayMs)
  const { answered } = await run({
    port: target.port,
    key,
    connections: 16,
    seconds: (beforeMs + awayMs + afterMs) / 1000,
    bodies: () => smallRequest,
    onAnswer(status, micros) {
      if (phase === 'away') {
        maxLength = Math.max(maxLength, micros)
        answers[status === 200 ? 'passed' : status === 503 ? 'refused' : 'other']++
      }
      if (phase !== 'after') return
      if (status === 200) recoveredMs ??= performance.now() - backAt
      else refusedLastMs = performance.now() - backAt
    },
  })
  clearTimeout(stop)
  clearTimeout(go)
  const lines = readFileSync(auditFile, 'utf8').split('\n')
  const records = lines.filter((line) => line.includes('"ending"')).length
  return `
## Redis hangs for ten seconds under load

| | |
|---|---|
| longest wait meanwhile, ms | ${(maxLength / 1000).toFixed(0)} |
| answered meanwhile | ${answers.refused} refused (503), ${answers.passed} passed, ${answers.other} others |
| first request that passed after its return, ms | ${recoveredMs?.toFixed(0) ?? 'never'} |
| last refusal after its return, ms | ${refusedLastMs.toFixed(0)} |
| answers, audit records | ${answered}, ${records} (a request that the end of the load cut off is only on record) |`
}
