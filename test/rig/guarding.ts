/** The output guard as a policy would make it, for answers that no gate is needed for. */
import { systemClock } from '../../src/core/clock.ts'
import { createScanner } from '../../src/detect/injection/scanner.ts'
import type { JudgeCall } from '../../src/dialects/common/call-verdict.ts'
import { type FilteredFrames, toFrames } from '../../src/dialects/common/output-filter.ts'
import type { ResponseReader } from '../../src/dialects/dialect.ts'
import { framingOf } from '../../src/dialects/framing/content-type.ts'
import { Cancellation } from '../../src/pipeline/cancellation.ts'
import type { ResponseGuard } from '../../src/pipeline/findings.ts'
import { GuardWork } from '../../src/pipeline/guard-work.ts'
import { createGuardTurns } from '../../src/pipeline/request/guard-turns.ts'
import { judgeCalls } from '../../src/pipeline/response/await-approval.ts'
import { createFrameBuffer } from '../../src/pipeline/response/frame-buffer.ts'
import { createResponseGuards, type GuardedRequest } from '../../src/pipeline/response/output-guard.ts'
import { judgeTexts } from '../../src/pipeline/response/tool-calls-in-text.ts'
import { compileOutputGuard } from '../../src/policy/compile-guards.ts'
import { loadPacks } from '../../src/policy/packs.ts'
import type { Config } from '../../src/policy/schema/schema.ts'
import { createMetrics } from '../../src/telemetry/metrics.ts'

type Settings = Config['guards']['output']

export const usual: Settings = {
  mode: 'enforce',
  secrets: 'redact',
  pii: 'off',
  injection: 'flag',
  links: { allow: [], otherwise: 'redact' },
  controls: 'redact',
  scripts: 'flag',
  theft: 'flag',
  schema: 'off',
  canary: false,
}

const scanner = createScanner(loadPacks())
const parts = {
  turns: createGuardTurns(systemClock),
  metrics: createMetrics(),
}
const guard = createResponseGuards({ ...parts, scannerFor: () => scanner })
/** Of which a part does not work. */
const faulty = createResponseGuards({
  ...parts,
  scannerFor: () => ({
    scan() {
      throw new Error('out of order')
    },
  }),
})

/** What is looked for is made once for a policy, as the gate does it: 40 ms each. */
const compiled = new Map<string, ReturnType<typeof compileOutputGuard>>()
function compiledOf(settings: Settings) {
  const key = JSON.stringify(settings)
  const made = compiled.get(key) ?? compileOutputGuard(settings)
  compiled.set(key, made)
  return made
}

/** @param system the request's own prompt */
export function guardWith(
  more: Partial<Settings> = {},
  { system = '', isFaulty = false }: { system?: string; isFaulty?: boolean } = {},
): ResponseGuard {
  const outputGuard = compiledOf({ ...usual, ...more })
  const role = { outputGuard, promptGuard: { mode: 'enforce', block: 'high', flag: 'medium' } }
  const request = {
    identity: { id: 'somebody' },
    role,
    guardWork: new GuardWork(1e9),
    would: new Set(),
    cancellation: new Cancellation(),
  }
  const about = { systemPrompt: system, canary: undefined, isUnread: false }
  // Of a role and an identity the guard needs no more than this.
  const made = (isFaulty ? faulty : guard)(request as unknown as GuardedRequest, about)
  if (!made) throw new Error('this policy has no output guard')
  return made
}

/** What leaves of an answer that comes in these pieces. */
export async function throughGuard(
  reader: ResponseReader,
  contentType: string,
  pieces: readonly Uint8Array[],
  guarded: ResponseGuard,
  judge?: JudgeCall,
): Promise<{ readonly text: string; readonly frames: readonly string[] }> {
  const framing = reader.framing?.(contentType) ?? framingOf(contentType)
  const passage = judge ? judgeTexts(guarded.filter, judge) : guarded.filter
  const frames: string[] = []
  const delay = createFrameBuffer(passage, (frame) => frames.push(String(framing.encode(frame))))
  const add = (passed: FilteredFrames) => {
    toFrames(passed).forEach(delay.add)
    delay.settle(reader.state === 'ended')
  }
  const arrived: Parameters<ResponseReader['frame']>[0][] = []
  const splitter = framing.split((frame) => arrived.push(frame))
  for (const piece of pieces) splitter.push(piece)
  splitter.end()
  for (const frame of arrived) {
    if (reader.state === 'ended' || reader.state === 'failed') break
    add(reader.frame(frame, passage))
    const waiting = reader.waiting ?? []
    if (judge && waiting.length > 0)
      add(reader.resume?.(await judgeCalls(waiting, { judge, keepAlive: undefined }), passage))
  }
  if (reader.state !== 'ended') throw new Error(`the answer is ${reader.state}`)
  guarded.finish()
  return { text: frames.join(''), frames }
}
