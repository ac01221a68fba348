/**
 * Judges the requests of a log by another policy than the one that judged them: which would now be refused, which would now
 * pass, and of which a record does not tell. Constant memory.
 */
import { setImmediate } from 'node:timers/promises'
import { readChains } from '../../audit/query/read-chains.ts'
import { createReferenceResolver, referenceIn } from '../../audit/query/references.ts'
import { type Entry, readEntry } from '../../audit/write/entry.ts'
import type { RefusalCode } from '../../core/refusal.ts'
import type { Policy } from '../../policy/policy.ts'
import { createJudge, type JudgeParts, type JudgeRecorded, type Verdict } from './judge.ts'
import { narrowingOf } from './narrowing.ts'
import { type RecordedRequest, recordedRequestOf } from './recorded-request.ts'
import { type Comparison, type ReplayReport, ReplaySummary } from './report.ts'

/** Which log is judged by what. */
export interface ReplayOptions extends JudgeParts {
  readonly file: string
  readonly policy: Policy
  /** The policy in force: of what it has judged itself more is certain. */
  readonly before?: Policy | undefined
  /** Epoch milliseconds. */
  readonly sinceMs?: number
  /** Characters of earlier texts that are remembered. */
  readonly maxRemembered?: number
  /** Milliseconds of the one thread that are taken at a time; others have their turn then. */
  readonly sliceMs?: number
  onProgress?(requests: number): void
  /** Whether nobody waits for it any more. */
  isOver?(): boolean
}

const standardSliceMs = 20
const progressEvery = 1000

/** What the rules of a policy decide, so that another policy may decide otherwise. */
const decidable: ReadonlySet<RefusalCode> = new Set([
  'invalid_credentials',
  'route_not_allowed',
  'not_found',
  'model_not_allowed',
  'prompt_blocked',
  'too_much_to_scan',
  'output_blocked',
  'tool_not_allowed',
])

/** Judges a log. @throws what `fs` throws */
export async function replay(options: ReplayOptions): Promise<ReplayReport> {
  const { onProgress = () => {} } = options
  const summary = new ReplaySummary()
  for await (const { request, comparison } of comparisonsOf(options)) {
    summary.add(request, comparison)
    if (summary.requests % progressEvery === 0) onProgress(summary.requests)
  }
  onProgress(summary.requests)
  return summary.result()
}

/** A request, and how the other policy judges it. */
export interface Compared {
  readonly request: RecordedRequest
  readonly comparison: Comparison
}

/** Judges the requests of a log one by one. @throws what `fs` throws */
export async function* comparisonsOf(options: ReplayOptions): AsyncGenerator<Compared> {
  const { sliceMs = standardSliceMs, isOver = () => false } = options
  const compared = createComparison(options)
  let untilMs = performance.now() + sliceMs
  for await (const request of requestsOf(options)) {
    yield { request, comparison: await compared(request) }
    if (performance.now() < untilMs) continue
    await setImmediate()
    if (isOver()) return
    untilMs = performance.now() + sliceMs
  }
}

async function* requestsOf({ file, sinceMs, maxRemembered }: ReplayOptions): AsyncGenerator<RecordedRequest> {
  const resolver = createReferenceResolver(file, maxRemembered)
  for await (const line of readChains(file, sinceMs === undefined ? {} : { sinceMs })) {
    const entry = readEntry(line.line)
    if (!entry || entry.event !== undefined) continue
    resolver.see(entry, line.chain)
    if (sinceMs !== undefined && !(Date.parse(entry.time) >= sinceMs)) continue
    const refers = Array.isArray(entry.prompt) && entry.prompt.some(referenceIn)
    const whole: Entry | undefined = refers ? readEntry(await resolver.resolve(line, entry)) : entry
    const request = whole && recordedRequestOf(whole)
    if (request) yield request
  }
}

/** Makes what judges one request by both policies, as far as that is possible. */
function createComparison(options: ReplayOptions): (request: RecordedRequest) => Promise<Comparison> {
  const { policy, before } = options
  const judgeNow = createJudge(policy, options)
  const judgeThen = before && createJudge(before, options)
  return async (request) => {
    const judgedBy = request.policy === before?.version ? before : undefined
    const doubt = judgedBy && judgeThen && (await doubtOf(request, judgeThen))
    if (doubt !== undefined) return unknown(doubt)
    const verdict = await judgeNow(request)
    const narrowing = verdict.kind === 'allowed' ? narrowingOf(request, judgedBy, policy) : undefined
    return narrowing === undefined ? compare(request, verdict) : unknown(narrowing)
  }
}

function unknown(why: string): Comparison {
  return { kind: 'unknown', why }
}

/** What was decided must follow from what is on record; else something else has decided it. */
async function doubtOf(request: RecordedRequest, judge: JudgeRecorded): Promise<string | undefined> {
  const { outcome } = request
  if (outcome !== 'passed' && (outcome === 'unknown' || !decidable.has(outcome))) return undefined
  const verdict = await judge(request)
  if (verdict.kind === 'unknown') return verdict.why === answerBlocked ? undefined : verdict.why
  const isSame = verdict.kind === 'allowed' ? outcome === 'passed' : verdict.code === outcome
  return isSame ? undefined : 'what decided it is not on record'
}

/** Of course it is not, under the policy that blocked it. */
const answerBlocked = 'what was blocked of the answer is not on record'

function compare({ outcome, identity, to }: RecordedRequest, verdict: Verdict): Comparison {
  if (verdict.kind === 'unknown') return unknown(verdict.why)
  if (outcome === 'unknown') return unknown('how it ended is not on record')
  const hasPassed = outcome === 'passed'
  if (verdict.kind === 'refused') {
    const { code, rule } = verdict
    return hasPassed ? { kind: 'nowRefused', code, rule } : { kind: 'same' }
  }
  if (hasPassed) return { kind: 'same' }
  if (!decidable.has(outcome)) return unknown(`it was refused with ${outcome}, which no record explains`)
  // What the token itself did not allow, no policy allows.
  const isNarrow = identity?.kind === 'token' && /^(route|model|tool)_not_allowed$/.test(outcome)
  if (isNarrow) return unknown('what its token allows is not on record')
  return { kind: 'nowAllowed', code: outcome, rule: to?.endpoint.group ?? '' }
}
