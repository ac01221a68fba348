/**
 * From how far a request came and how it ended to its line in the audit log. The only place where texts go on
 * record, and they go through the masker.
 */
import { createHash } from 'node:crypto'
import type { RecordContent, RecordedLimit, RecordedText, RequestRecord } from '../audit/record.ts'
import type { Severity, Text } from '../core/text.ts'
import type { ToolCall } from '../dialects/dialect.ts'
import { type Standing, tightest } from '../limits/store.ts'
import { createMasker, findSensitive, type Masker, type Pseudonym } from '../scan/mask.ts'
import { maskJson } from '../scan/mask-json.ts'
import { createRecall } from '../scan/recall.ts'
import type { Answer, AnswerCut, Course, Ending, Inspected, JudgedFinding } from './exchange.ts'

/** A record is a line somebody reads; what a request has more than this is summed up. */
const mostTexts = 256
const mostFindings = 256
const longestName = 256
const heaviestFirst: Readonly<Record<Severity, number>> = { high: 0, medium: 1, low: 2 }
/** A digest of less than this could be undone by trying. */
const shortestDigested = 256

/** The prompt of a record, masked; may be made while the model is working. */
export interface RecordedPrompt {
  readonly prompt: readonly RecordedText[] | null
  readonly masker: Masker
  /** Bytes of `audit.maxText` that are left for the answer. */
  readonly roomBytes: number
}

export type RecordPrompt = (course: Course) => RecordedPrompt

/** @param pseudonym what stands in masks where the policy asks for names instead of numbers */
export function createRecordPrompt(pseudonym: Pseudonym): RecordPrompt {
  const sensitive = createRecall(findSensitive)
  return (course) => {
    const { arrival, caller, prompt } = course
    const keyed = arrival.snapshot.policy.audit.pseudonyms === 'keyed' ? pseudonym : undefined
    const owner = prompt && caller?.identity.id
    const masker = createMasker(
      owner === undefined ? findSensitive : (text) => sensitive.of(text, owner),
      keyed,
    )
    return recordPrompt(course, masker)
  }
}

function recordPrompt(course: Course, masker: Masker): RecordedPrompt {
  const settings = keepingOf(course)
  let roomBytes = settings.maxTextBytes
  if (!course.prompt) return { prompt: null, masker, roomBytes }
  const { texts } = course.prompt
  const prompt = texts.slice(0, mostTexts).map((text) => {
    const recorded = recordText(text, settings, roomBytes, masker)
    roomBytes -= 'text' in recorded ? Buffer.byteLength(text.text) : 0
    return recorded
  })
  if (texts.length > mostTexts) prompt.push(recordRest(texts.slice(mostTexts)))
  return { prompt, masker, roomBytes }
}

/** What is kept of texts: the role's word counts more than the one for all. */
interface Keeping {
  readonly content: 'masked' | 'none'
  readonly maxTextBytes: number
}

function keepingOf({ arrival, caller }: Course): Keeping {
  const { content, maxTextBytes } = arrival.snapshot.policy.audit
  return { content: caller?.role.content ?? content, maxTextBytes }
}

/** When texts cannot be masked: how long they were. */
export function withoutTexts({ prompt: read }: Course): RecordedPrompt {
  const prompt = read?.texts
    .slice(0, mostTexts)
    .map(({ channel, text }) => ({ channel, length: text.length, sha256: null }))
  return { prompt: prompt ?? null, masker: { mask: () => '<withheld>' }, roomBytes: 0 }
}

function recordRest(texts: readonly Text[]): RecordedText {
  const digest = createHash('sha256')
  let length = 0
  for (const { text } of texts) {
    digest.update(text).update('\n')
    length += text.length
  }
  return { channel: 'rest', texts: texts.length, length, sha256: digest.digest('hex') }
}

export function toRecord(
  course: Course,
  ending: Ending,
  { masker }: RecordedPrompt,
  wallMs: number,
  totalMs: number,
): RequestRecord {
  const { arrival, caller, call, inspected, output } = course
  const { policy } = arrival.snapshot
  const answer = 'answer' in ending ? ending.answer : undefined
  return {
    time: new Date(wallMs).toISOString(),
    id: arrival.id,
    traceparent: arrival.trace.traceparent,
    span: arrival.trace.span,
    identity: caller?.identity ?? null,
    route: arrival.route,
    dialect: arrival.dialect.name,
    upstream: course.upstream?.name ?? null,
    model: recordModel(course, masker),
    policy: policy.version,
    findings: recordFindings([
      ...(inspected?.findings ?? []),
      ...(output?.findings ?? []),
      ...(call?.judged.findings ?? []),
    ]),
    dropped: call?.outgoing.dropped.map((path) => masker.mask(path).slice(0, 96)) ?? [],
    clamped: call?.outgoing.clamped ?? [],
    planted: output?.planted ?? [],
    unread: inspected ? unreadOf(inspected) : (course.prompt?.unread ?? []),
    marked: call?.outgoing.marked ?? 0,
    approvals: Array.from(call?.judged.approvals ?? [], ([id, outcome]) => ({ id, outcome })),
    usage: (answer ?? course.work?.().answer)?.usage ?? null,
    limits: recordLimits(course),
    ending: recordEnding(ending),
    timing: {
      queuedMs: round(course.queuedMs ?? 0),
      firstByteMs: answer?.firstByteMs === undefined ? null : round(answer.firstByteMs),
      totalMs: round(totalMs),
    },
  }
}

/** The part that can be erased. */
export function toContent(
  course: Course,
  ending: Ending,
  { prompt, masker, roomBytes }: RecordedPrompt,
): RecordContent {
  const { arrival, caller, call } = course
  const answer = 'answer' in ending ? ending.answer : undefined
  const named = (name: string | undefined) =>
    name === undefined || !caller?.role.trustIds ? null : masker.mask(name)
  return {
    peer: arrival.peer,
    agent: named(arrival.agent),
    session: named(arrival.session),
    prompt,
    answer:
      answer && call
        ? recordAnswer(answer, course.output?.cuts ?? [], keepingOf(course), roomBytes, masker)
        : null,
    stopped: recordCalls(call?.judged.stopped ?? [], keepingOf(course), roomBytes, masker),
  }
}

/** The caller's words: a name that is somebody's secret must not get through as a model's. */
function recordModel({ prompt, call }: Course, masker: Masker): RequestRecord['model'] {
  if (!prompt) return null
  const asked = masker.mask(prompt.model).slice(0, 256)
  if (!call) return { asked, served: null, digest: null }
  return { asked, served: masker.mask(call.model.served), digest: call.target.digest }
}

function recordText(
  { channel, text }: Text,
  settings: Keeping,
  roomBytes: number,
  masker: Masker,
): RecordedText {
  if (settings.content === 'none') return { channel, length: text.length, sha256: null }
  if (Buffer.byteLength(text) <= roomBytes) return { channel, text: masker.mask(text) }
  if (text.length < shortestDigested) return { channel, length: text.length, sha256: null }
  return { channel, length: text.length, sha256: createHash('sha256').update(text).digest('hex') }
}

function recordAnswer(
  answer: Answer,
  cuts: readonly AnswerCut[],
  settings: Keeping,
  roomBytes: number,
  masker: Masker,
) {
  const text = recordText({ channel: 'assistant', text: answer.text }, settings, roomBytes, masker)
  const room = roomBytes - ('text' in text ? Buffer.byteLength(answer.text) : 0)
  const toolCalls = recordCalls(answer.toolCalls, settings, room, masker)
  return { text, toolCalls, truncated: answer.truncated, cuts }
}

/** With as much of their arguments as there is room for. */
function recordCalls(
  calls: readonly ToolCall[],
  settings: Keeping,
  roomBytes: number,
  masker: Masker,
): RecordContent['stopped'] {
  let room = settings.content === 'none' ? 0 : roomBytes
  return calls.map((call) => {
    const args = maskJson(call.arguments, masker).slice(0, Math.max(0, room))
    room -= Buffer.byteLength(args)
    return { name: masker.mask(call.name).slice(0, longestName), arguments: args }
  })
}

function recordFindings(findings: readonly JudgedFinding[]) {
  if (findings.length <= mostFindings) return findings.map(recordFinding)
  return findings
    .toSorted((a, b) => heaviestFirst[a.severity] - heaviestFirst[b.severity])
    .slice(0, mostFindings)
    .map(recordFinding)
}

function unreadOf({ guards }: Inspected): readonly string[] {
  return guards.flatMap(([name, verdict]) => (verdict === 'unread' ? [name] : []))
}

function recordFinding({ guard, id, category, severity, channel, action }: JudgedFinding) {
  return { guard, id, category, severity, channel, action }
}

function recordLimits({ admitted, reserved }: Course): RequestRecord['limits'] {
  const limits: Record<string, RecordedLimit> = {}
  const requests = tightest(admitted?.admission?.standing, reserved?.reservation?.requests)
  if (requests) limits.requests = told(requests)
  const tokens = reserved?.reservation?.tokens
  if (tokens) limits.tokens = told(tokens)
  return limits
}

function told({ scope, limit, remaining }: Standing): RecordedLimit {
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
