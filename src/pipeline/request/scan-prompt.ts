/**
 * The prompt guard reads every text that can reach the model. A guard that cannot run refuses. What it only
 * flags, a second opinion may block.
 */

import { holderOf } from '../../auth/identity.ts'
import { Derived } from '../../core/derived.ts'
import { Refusal } from '../../core/refusal.ts'
import type { Action, Channel, Finding } from '../../core/text.ts'
import { judge } from '../../detect/injection/verdict.ts'
import type { Exceptions } from '../../policy/exceptions.ts'
import type { Metrics } from '../../telemetry/metrics.ts'
import { extend, type Reserved, type Scanned } from '../context.ts'
import type { GuardVerdict, JudgedFinding } from '../findings.ts'
import type { GuardSteps } from '../guard-work.ts'
import { countFindings } from '../labels.ts'
import { enforceOrObserve } from '../would.ts'
import type { Locate, Located } from './exceptions.ts'
import { opinionGuard, type SecondOpinion } from './guard-model.ts'
import { type Flagged, type Question, questionsOf } from './guard-model-questions.ts'
import type { GuardTurns } from './guard-turns.ts'
import { joinMessages, type Part } from './join-messages.ts'
import type { Readable, Scanning, ScanningFor } from './scan-cache.ts'
import { acrossJoints, seamsOf } from './seams.ts'

const guard = 'prompt'
/** Of one request; a text more may go over it. */
const maxFindings = 1024
/** What a text takes that is known already, in units of work: a request may have very many of them. */
const workPerText = 16
const heavier: Readonly<Record<Action, number>> = { allow: 0, flag: 1, block: 2 }

/** What it takes to read a prompt. */
export interface ScanParts {
  readonly scanningFor: ScanningFor
  readonly secondOpinion: SecondOpinion
  readonly turns: GuardTurns
  readonly metrics: Metrics
  readonly locate: Locate
}

/**
 * Reads the prompt and carries the verdict out; what was found is in the context by the time it refuses.
 * @throws Refusal `prompt_blocked`, `too_much_to_scan`; `internal` if the guard fails
 */
export type ScanPrompt = (request: Reserved) => Promise<Scanned>

/** Makes the step that reads prompts. */
export function createScanPrompt(parts: ScanParts): ScanPrompt {
  const { metrics } = parts
  return async (request) => {
    const { mode } = request.role.promptGuard
    // Never silent about what went by unread.
    const unread = request.prompt.unread.map((what): GuardVerdict => [what, 'unread'])
    // What the gate answers itself no model reads; scanning it would only tell a prober what is found.
    if (mode === 'off' || request.endpoint.answer)
      return extend(request, { findings: [], guards: unread, opinion: undefined })
    const { findings, flagged, worst } = await scanInTurns(request, parts)
    const guards: GuardVerdict[] = [[guard, worst]]
    const opinion = worst === 'block' ? undefined : await opinionOn(request, flagged, parts)
    if (opinion) guards.push([opinionGuard, opinion.verdict])
    if (opinion?.unsafe) findings.push(unsafe(opinion.unsafe))
    for (const finding of findings) countFindings(metrics, request.identity, finding)
    const scanned = extend(request, { findings, guards: [...guards, ...unread], opinion: opinion?.cost })
    if (guards.some(([, verdict]) => verdict === 'block'))
      enforceOrObserve(scanned, mode === 'observe', new Refusal('prompt_blocked'))
    return scanned
  }
}

/** Each text is read in slices; between them others have their turn, if there is much to read. */
async function scanInTurns(request: Reserved, parts: ScanParts): Promise<PromptScan> {
  const { turns, metrics } = parts
  const { identity, cancellation, guardWork } = request
  const before = guardWork.ms
  try {
    const steps = scanTexts(request, parts)
    return await turns.run(steps, { owner: holderOf(identity), work: guardWork, cancellation })
  } catch (cause) {
    if (cause instanceof Refusal || cancellation.over) throw cause
    metrics.guardFailures.inc({ guard })
    throw new Refusal('internal', { detail: 'the prompt guard failed', cause })
  } finally {
    metrics.guardSeconds.observe({ guard }, (guardWork.ms - before) / 1000)
  }
}

/** @returns undefined if there is nothing to ask, or no guard model */
async function opinionOn(
  { role, identity, prompt }: Reserved,
  flagged: readonly Flagged[],
  { secondOpinion }: ScanParts,
) {
  const { model } = role.promptGuard
  if (!model) return undefined
  const questions = questionsOf(prompt.texts, flagged, model, role.trustSystem)
  return questions.questions.length === 0 ? undefined : secondOpinion(questions, identity.id, model)
}

function* scanTexts(request: Reserved, { scanningFor, locate }: ScanParts): GuardSteps<PromptScan> {
  const { role, policy, prompt } = request
  const settings = role.promptGuard
  const scanning = scanningFor(settings)
  const judgeAll = (texts: readonly Known[]) => judgeTexts(texts, settings, policy.exceptions, locate)
  const { texts, derived = new Derived() } = prompt
  const joined = joinMessages(texts, '\n', derived)
  const spaced = yield* findAll(joined, [], request, scanning)
  const seams = seamsOf(
    role.trustSystem ? joined.filter(({ channel }) => channel !== 'system') : joined,
    derived,
  )
  const found = yield* findAll(seams, [], request, scanning)
  const across = seams.flatMap((seam, index) => acrossJoints(seam, found[index]?.findings ?? []).map(wholly))
  const read = yield* judgeAll([...spaced, ...across])
  // Some servers put parts behind each other with nothing between, which can make one word of two.
  if (!texts.some(({ glued }) => glued)) return read
  const unspaced = yield* findAll(joinMessages(texts, '', derived), spaced, request, scanning)
  const glued = yield* judgeAll([...unspaced, ...across])
  return heavier[glued.worst] > heavier[read.worst] ? glued : read
}

/** @param known the same texts, joined in another way: where one is the same, so are its findings */
function* findAll(
  joined: readonly (Readable & Partial<Pick<Known, 'parts'>>)[],
  known: readonly Known[],
  { role, identity }: Reserved,
  scanning: Scanning,
): GuardSteps<Known[]> {
  const all: Known[] = []
  for (const [index, read] of joined.entries()) {
    const { channel, text, parts = nowhere } = read
    const before = known[index]
    yield workPerText
    const findings =
      role.trustSystem && channel === 'system'
        ? []
        : before?.text === text
          ? before.findings
          : yield* scanning.findings(read, identity.id)
    all.push({ channel, text, parts, findings })
  }
  return all
}

function* judgeTexts(
  texts: readonly Known[],
  thresholds: Parameters<typeof judge>[2],
  exceptions: Exceptions,
  locate: Locate,
): GuardSteps<PromptScan> {
  const findings: JudgedFinding[] = []
  const flagged: Flagged[] = []
  let worst: Action = 'allow'
  for (const known of texts) {
    const { channel, text, findings: found } = known
    if (found.length === 0) continue
    const first = judge(found, channel, thresholds)
    // What is allowed anyway needs no exception.
    const located = first.action === 'allow' ? undefined : locate(known, exceptions)
    if (located) yield located.work
    const counted = located ? located.found.filter(({ exception }) => exception === undefined) : found
    const { action, score } = counted.length < found.length ? judge(counted, channel, thresholds) : first
    const [start] = counted
    if (action === 'flag' && start) flagged.push({ channel, text, score, at: start.start })
    if (heavier[action] > heavier[worst]) worst = action
    if (findings.length >= maxFindings) continue
    for (const each of located?.found ?? found) findings.push(judged(each, known, action))
  }
  return { worst, findings, flagged }
}

/** So that a record says who made it a block. */
function unsafe({ channel, text }: Question): JudgedFinding {
  const whole = { severity: 'high', start: 0, end: text.length } as const
  return {
    guard: opinionGuard,
    id: 'opinion.unsafe',
    category: 'opinion',
    channel,
    action: 'block',
    text,
    ...whole,
  }
}

const nowhere: readonly Part[] = []

/** A text of which nobody knows what it was joined from. */
function wholly<T>(text: T): T & { readonly parts: readonly Part[] } {
  return { ...text, parts: nowhere }
}

/** What is known of one text. */
interface Known {
  readonly channel: Channel
  readonly text: string
  /** What it was joined from, where a text is whole. */
  readonly parts: readonly Part[]
  readonly findings: readonly Finding[]
}

/** All texts, read in one way. */
interface PromptScan {
  readonly worst: Action
  readonly findings: JudgedFinding[]
  readonly flagged: readonly Flagged[]
}

function judged(finding: Finding | Located, { channel, text }: Known, action: Action): JudgedFinding {
  const isExcepted = 'exception' in finding && finding.exception !== undefined
  return { ...finding, guard, channel, text, action: isExcepted ? 'allow' : action }
}
