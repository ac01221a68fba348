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
} from '../../audit/write/record.ts'
import type { Text } from '../../core/text.ts'
import { createRecall, type Recall } from '../../detect/injection/scan-cache.ts'
import type { MaskedSpan, SensitiveFinder } from '../../detect/sensitive/finder.ts'
import { createMasker, type Masker, type Pseudonym } from '../../detect/sensitive/mask.ts'
import { maskJson } from '../../detect/sensitive/mask-json.ts'
import type { ToolCall } from '../../dialects/dialect.ts'
import { type RateLimitStatus, tightest } from '../../limits/store.ts'
import type { Answer, AnswerCut, Ending, Inspected, JudgedFinding, RequestContext } from '../context.ts'
import type { RecordedBefore } from './recorded-before.ts'
import {
  digestOf,
  heaviestFirst,
  lengthOf,
  type RecordedTexts,
  recordExcerpts,
  recordTexts,
  withoutWords,
} from './recorded-texts.ts'
import { createRoom, type Room } from './text-budget.ts'

/** A record is a line somebody reads; what a request has more than this is summed up. */
const maxFindings = 256
const maxNameLength = 256

/** What of a record may be made while the model is working: all but the answer, masked. */
export interface RecordedPrompt {
  readonly texts: RecordedTexts | undefined
  readonly excerpts: readonly RecordedExcerpt[]
  readonly masker: Masker
  /** What is left of `audit.maxText` for the answer. */
  readonly room: Room
  /** Whether the policy wants any word of it on record. */
  readonly isKept: boolean
}

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
    const { incoming, caller, prompt, inspected } = context
    const { audit, personalData } = incoming.snapshot.policy
    const { finder } = personalData
    const recall = recallOf(finder)
    const owner = prompt && caller?.identity.id
    const masker = createMasker(
      (text) => (owner === undefined ? finder.find(text) : recall.of(text, owner)),
      audit.pseudonyms === 'keyed' ? pseudonym : undefined,
    )
    const isKept = (caller?.role.content ?? audit.content) !== 'none'
    const room = createRoom(isKept ? audit.maxTextBytes : 0)
    const made = (texts?: RecordedTexts, excerpts: readonly RecordedExcerpt[] = []) => {
      return { texts, excerpts, masker, room, isKept }
    }
    if (!prompt) return made()
    if (!isKept) return made(withoutWords(prompt.texts))
    const excerpts = recordExcerpts(inspected?.findings ?? [], masker, room)
    return made(recordTexts(prompt.texts, { masker, room, owner, before }), excerpts)
  }
}

/** When texts cannot be masked: how long they were. */
export function withoutTexts({ prompt }: RequestContext): RecordedPrompt {
  return {
    texts: prompt && withoutWords(prompt.texts),
    excerpts: [],
    masker: { mask: () => '<withheld>' },
    room: createRoom(0),
    isKept: false,
  }
}

export function toRecord(
  context: RequestContext,
  ending: Ending,
  { masker }: RecordedPrompt,
  wallMs: number,
  totalMs: number,
): RequestRecord {
  const { incoming, caller, call, inspected, output } = context
  const { policy } = incoming.snapshot
  const answer = 'answer' in ending ? ending.answer : undefined
  return {
    time: new Date(wallMs).toISOString(),
    id: incoming.id,
    traceparent: incoming.trace.traceparent,
    span: incoming.trace.span,
    identity: caller?.identity ?? null,
    route: incoming.route,
    dialect: incoming.dialect.name,
    upstream: context.upstream?.name ?? null,
    model: recordModel(context, masker),
    policy: policy.version,
    findings: recordFindings(
      [...(inspected?.findings ?? []), ...(output?.findings ?? []), ...(call?.judged.findings ?? [])],
      masker,
    ),
    ...remedyOf(context, ending),
    dropped: call?.outgoing.dropped.map((path) => masker.mask(path).slice(0, 96)) ?? [],
    clamped: call?.outgoing.clamped ?? [],
    planted: output?.planted ?? [],
    unread: inspected ? unreadOf(inspected) : (context.prompt?.unread ?? []),
    marked: call?.outgoing.marked ?? 0,
    approvals: Array.from(call?.judged.approvals ?? [], ([id, outcome]) => ({ id, outcome })),
    ...(inspected?.opinion ? { opinion: inspected.opinion } : {}),
    usage: (answer ?? context.work?.().answer)?.usage ?? null,
    limits: recordLimits(context),
    ending: recordEnding(ending),
    timing: {
      queuedMs: round(context.queuedMs ?? 0),
      firstByteMs: answer?.firstByteMs === undefined ? null : round(answer.firstByteMs),
      totalMs: round(totalMs),
      guardMs: round(incoming.guardWork.ms),
      guardWork: incoming.guardWork.units,
    },
  }
}

/** The part that can be erased. */
export function toContent(context: RequestContext, ending: Ending, recorded: RecordedPrompt): RecordContent {
  const { incoming, caller, call } = context
  const { texts, excerpts, masker } = recorded
  const answer = 'answer' in ending ? ending.answer : undefined
  const named = (name: string | undefined) =>
    name === undefined || !caller?.role.trustIds ? null : masker.mask(name)
  const said = answer && call ? recordAnswer(answer, context.output?.cuts ?? [], recorded) : null
  const stopped = recordCalls(call?.judged.stopped ?? [], recorded)
  texts?.fill()
  return {
    peer: incoming.peer,
    agent: named(incoming.agent),
    session: named(incoming.session),
    prompt: texts?.prompt ?? null,
    excerpts,
    answer: said,
    stopped,
  }
}

/** The caller's words: a name that is somebody's secret must not get through as a model's. */
function recordModel({ prompt, call }: RequestContext, masker: Masker): RequestRecord['model'] {
  if (!prompt) return null
  const asked = masker.mask(prompt.model).slice(0, 256)
  if (!call) return { asked, served: null, digest: null }
  return { asked, served: masker.mask(call.model.served), digest: call.target.digest }
}

function recordAnswer(answer: Answer, cuts: readonly AnswerCut[], recorded: RecordedPrompt) {
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
function remedyOf({ incoming, inspected }: RequestContext, ending: Ending): { readonly remedy?: string } {
  if (ending.kind !== 'refused' || ending.refusal.code !== 'prompt_blocked') return {}
  if (!inspected?.findings.some(({ passage }) => passage !== undefined)) return {}
  return { remedy: `torwart allow --text-of ${incoming.id} --why '…'` }
}

function unreadOf({ guards }: Inspected): readonly string[] {
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

function recordLimits({ admitted, reserved }: RequestContext): RequestRecord['limits'] {
  const limits: Record<string, RecordedLimit> = {}
  const requests = tightest(admitted?.admission?.standing, reserved?.reservation?.requests)
  if (requests) limits.requests = told(requests)
  const tokens = reserved?.reservation?.tokens
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
