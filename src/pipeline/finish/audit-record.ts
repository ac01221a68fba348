/**
 * From how far a request came and how it ended to its line in the audit log. The only place where texts go on
 * record, and they go through the masker.
 */
import type {
  RecordContent,
  RecordedExcerpt,
  RecordedFinding,
  RecordedLimit,
  RecordedText,
  RequestRecord,
  UnplacedContent,
} from '../../audit/write/record.ts'
import type { Text } from '../../core/text.ts'
import { createRecall, type Recall } from '../../detect/injection/scan-cache.ts'
import type { MaskedSpan, SensitiveFinder } from '../../detect/sensitive/finder.ts'
import { createMasker, type Masker, type Pseudonym } from '../../detect/sensitive/mask.ts'
import { maskJson } from '../../detect/sensitive/mask-json.ts'
import type { ToolCall } from '../../dialects/dialect.ts'
import { type RateLimitStatus, tightest } from '../../limits/store.ts'
import { extend, type RequestContext } from '../context.ts'
import type { Ending, ModelResponse } from '../ending.ts'
import type { AnswerCut, GuardVerdict, JudgedFinding } from '../findings.ts'
import type { PassedThrough } from '../passed-through.ts'
import { digestOf } from './prompt-writer.ts'
import type { RecordedBefore } from './recorded-before.ts'
import {
  heaviestFirst,
  lengthOf,
  type RecordedPrompt,
  type RecordedTexts,
  recordExcerpts,
  recordTexts,
  withoutWords,
} from './recorded-texts.ts'
import { createTextBudget } from './text-budget.ts'

/** A record is a line somebody reads; what a request has more than this is summed up. */
const maxFindings = 256
const maxNameLength = 256
const maxPathLength = 512

/** Masks what a request says, for its record. */
export type RecordPrompt = (context: RequestContext) => RecordedPrompt

/** @param pseudonym what stands in masks where the policy asks for names instead of numbers */
export function createRecordPrompt(pseudonym: Pseudonym, before: RecordedBefore): RecordPrompt {
  const known = new WeakMap<SensitiveFinder, Recall<readonly MaskedSpan[]>>()
  /** What was found in texts by this policy's finder: another one knows other names. */
  const recallOf = (finder: SensitiveFinder) => {
    const recall = known.get(finder) ?? createRecall((text) => finder.find(text))
    known.set(finder, recall)
    return recall
  }
  return (context) => {
    const { policy, identity, role, prompt, findings } = context
    const { audit, personalData } = policy
    const { finder } = personalData
    const recall = recallOf(finder)
    const owner = prompt && identity?.id
    const masker = createMasker(
      (text) => (owner === undefined ? finder.find(text) : recall.of(text, owner)),
      audit.pseudonyms === 'keyed' ? pseudonym : undefined,
    )
    const isKept = (role?.content ?? audit.content) !== 'none'
    const room = createTextBudget(isKept ? audit.maxTextBytes : 0)
    const made = (texts?: RecordedTexts, excerpts: readonly RecordedExcerpt[] = []) => {
      return { texts, excerpts, masker, room, isKept }
    }
    if (!prompt) return made()
    if (!isKept) return made(withoutWords(prompt.texts))
    const excerpts = recordExcerpts(findings ?? [], masker, room)
    return made(recordTexts(prompt.texts, { masker, room, owner, before }), excerpts)
  }
}

/**
 * Makes what can be made of the record before the response is there, once. Where that fails, `settle` finds out for
 * itself.
 */
export function prepareRecord(context: RequestContext, recordPrompt: RecordPrompt): void {
  if (context.recordedPrompt) return
  try {
    extend(context, { recordedPrompt: recordPrompt(context) })
  } catch {
    // It is made again, and the failure counted and told, when the request is settled.
  }
}

/** When texts cannot be masked: how long they were. */
export function withoutTexts({ prompt }: RequestContext): RecordedPrompt {
  return {
    texts: prompt && withoutWords(prompt.texts),
    excerpts: [],
    masker: { mask: () => '<withheld>' },
    room: createTextBudget(0),
    isKept: false,
  }
}

/**
 * Makes the part of the record that stays.
 * @param wallMs now, in epoch milliseconds
 * @param totalMs since the request arrived
 */
export function toRecord(
  context: RequestContext,
  ending: Ending,
  { masker }: RecordedPrompt,
  wallMs: number,
  totalMs: number,
): RequestRecord {
  const { trace, outgoing, responseGuard, toolCalls, guardWork } = context
  const answer = 'answer' in ending ? ending.answer : undefined
  return {
    time: new Date(wallMs).toISOString(),
    id: context.id,
    traceparent: trace.traceparent,
    span: trace.span,
    identity: recordIdentity(context),
    ...(context.role?.group === undefined ? {} : { group: context.role.group }),
    ...recordPurpose(context),
    route: context.route,
    dialect: context.dialect.name,
    upstream: context.upstream?.name ?? null,
    ...(context.passThrough ? { passthrough: recordPassed(context.passThrough, masker) } : {}),
    model: recordModel(context, masker),
    policy: context.policy.version,
    findings: recordFindings(
      [
        ...(context.findings ?? []),
        ...(context.resultFindings ?? []),
        ...(responseGuard?.findings ?? []),
        ...(toolCalls?.findings ?? []),
      ],
      masker,
    ),
    ...remedyOf(context, ending),
    ...(context.would.size > 0 ? { would: [...context.would] } : {}),
    dropped: outgoing?.dropped.map((path) => masker.mask(path).slice(0, 96)) ?? [],
    clamped: outgoing?.clamped ?? [],
    planted: responseGuard?.planted ?? [],
    unread: context.guards ? unreadOf(context.guards) : (context.prompt?.unread ?? []),
    marked: outgoing?.marked ?? 0,
    approvals: Array.from(toolCalls?.approvals ?? [], ([id, outcome]) => ({ id, outcome })),
    ...(context.opinion ? { opinion: context.opinion } : {}),
    usage: (answer ?? context.work?.answer)?.usage ?? null,
    ...(answer?.session ? { realtime: answer.session } : {}),
    limits: recordLimits(context),
    ending: recordEnding(ending),
    timing: {
      queuedMs: round((context.slotWaitMs ?? 0) + (context.upstreamWaitMs ?? 0)),
      firstByteMs: answer?.firstByteMs === undefined ? null : round(answer.firstByteMs),
      totalMs: round(totalMs),
      guardMs: round(guardWork.ms),
      guardWork: guardWork.units,
    },
  }
}

/** The part that can be erased. */
export function toContent(
  context: RequestContext,
  ending: Ending,
  recorded: RecordedPrompt,
): UnplacedContent {
  const { role, toolCalls, responseGuard } = context
  const { texts, excerpts, masker } = recorded
  const answer = 'answer' in ending ? ending.answer : undefined
  const named = (name: string | undefined) =>
    name === undefined || !role?.trustIds ? null : masker.mask(name)
  const said = answer && context.outgoing ? recordAnswer(answer, responseGuard?.cuts ?? [], recorded) : null
  const stopped = recordCalls(toolCalls?.stopped ?? [], recorded)
  texts?.fill()
  return {
    peer: context.peer,
    agent: named(context.agent),
    session: named(context.session),
    // As it is: an e-mail address that is masked would be nobody's.
    ...(context.person === undefined ? {} : { person: context.person }),
    prompt: texts?.prompt ?? null,
    excerpts,
    answer: said,
    stopped,
  }
}

/** Without its purpose, which has a place of its own. */
function recordIdentity({ identity }: RequestContext): RequestRecord['identity'] {
  if (identity?.purpose === undefined) return identity ?? null
  const { purpose: _, ...rest } = identity
  return rest
}

function recordPurpose({ identity, role }: RequestContext): { readonly purpose?: string } {
  const purpose = identity?.purpose ?? role?.purpose
  return purpose === undefined ? {} : { purpose }
}

/** The caller's words: a name that is somebody's secret must not get through as a model's. */
function recordModel({ prompt, model, target }: RequestContext, masker: Masker): RequestRecord['model'] {
  if (!prompt) return null
  const asked = masker.mask(prompt.model).slice(0, 256)
  if (!model || !target) return { asked, served: null, digest: null }
  return { asked, served: masker.mask(model.served), digest: target.digest }
}

/** A path is the caller's word, too. */
function recordPassed({ method, path, bytesIn, bytesOut }: PassedThrough, masker: Masker) {
  return { method, path: masker.mask(path).slice(0, maxPathLength), bytesIn, bytesOut }
}

function recordAnswer(answer: ModelResponse, cuts: readonly AnswerCut[], recorded: RecordedPrompt) {
  const text = recordSaid({ channel: 'assistant', text: answer.text }, recorded)
  return { text, toolCalls: recordCalls(answer.toolCalls, recorded), truncated: answer.truncated, cuts }
}

function recordSaid(said: Text, { masker, room, isKept }: RecordedPrompt): RecordedText {
  if (!isKept) return lengthOf(said)
  // A mask may be longer than what it hides, and shorter by far; what is much too long is not read for that.
  const text = said.text.length > room.bytes ? undefined : masker.mask(said.text)
  return text !== undefined && room.take(text) ? { channel: said.channel, text } : digestOf(said)
}

/** With as much of their arguments as there is room for. */
function recordCalls(calls: readonly ToolCall[], { masker, room }: RecordedPrompt): RecordContent['stopped'] {
  return calls.map((call) => ({
    name: masker.mask(call.name).slice(0, maxNameLength),
    arguments: room.bytes === 0 ? '' : room.cut(maskJson(call.arguments, masker)),
  }))
}

function recordFindings(findings: readonly JudgedFinding[], masker: Masker): readonly RecordedFinding[] {
  const told =
    findings.length <= maxFindings
      ? findings
      : findings
          .toSorted((a, b) => heaviestFirst[a.severity] - heaviestFirst[b.severity])
          .slice(0, maxFindings)
  return told.map((finding) => recordFinding(finding, masker))
}

/** For whoever finds that what was refused is harmless. */
function remedyOf({ id, findings }: RequestContext, ending: Ending): { readonly remedy?: string } {
  if (ending.kind !== 'refused' || ending.refusal.code !== 'prompt_blocked') return {}
  if (!findings?.some(({ passage }) => passage !== undefined)) return {}
  return { remedy: `torwart allow --text-of ${id} --why '…'` }
}

function unreadOf(guards: readonly GuardVerdict[]): readonly string[] {
  return guards.flatMap(([name, verdict]) => (verdict === 'unread' ? [name] : []))
}

function recordFinding(finding: JudgedFinding, masker: Masker): RecordedFinding {
  const { guard, id, category, severity, channel, action, parts, mentioned, tool, passage, exception } =
    finding
  return {
    guard,
    id,
    category,
    severity,
    channel,
    action,
    ...(parts === undefined ? {} : { parts }),
    ...(mentioned === undefined ? {} : { mentioned }),
    ...(tool === undefined ? {} : { tool: masker.mask(tool.slice(0, maxNameLength)) }),
    ...(passage === undefined ? {} : { passage }),
    ...(exception === undefined ? {} : { exception }),
  }
}

function recordLimits({ admission, reservation }: RequestContext): RequestRecord['limits'] {
  const limits: Record<string, RecordedLimit> = {}
  const requests = tightest(admission?.standing, reservation?.requests)
  if (requests) limits.requests = told(requests)
  const tokens = reservation?.tokens
  if (tokens) limits.tokens = told(tokens)
  return limits
}

function told({ scope, limit, remaining }: RateLimitStatus): RecordedLimit {
  return { scope, limit, remaining }
}

function recordEnding(ending: Ending): RequestRecord['ending'] {
  switch (ending.kind) {
    case 'answered':
      return { kind: 'answered', code: null, status: ending.answer.status }
    case 'refused':
      return { kind: 'refused', code: ending.refusal.code, status: ending.refusal.status }
    case 'cut':
      return { kind: 'cut', code: ending.refusal.code, status: ending.answer.status }
    case 'aborted':
      return { kind: 'aborted', code: null, status: ending.answer ? ending.answer.status : null }
  }
}

function round(ms: number): number {
  return Math.round(ms * 1000) / 1000
}
