/**
 * From how far a request came and how it ended to its line in the audit log. The only place where texts go on
 * record, and they go through the masker.
 */
import { createHash } from 'node:crypto'
import type { RecordedLimit, RecordedText, RequestRecord } from '../audit/record.ts'
import type { Severity, Text } from '../core/text.ts'
import { type Standing, tightest } from '../limits/store.ts'
import type { AuditSettings } from '../policy/policy.ts'
import { createMasker, findSensitive, type Masker } from '../scan/mask.ts'
import { createRecall } from '../scan/recall.ts'
import type { Answer, AnswerCut, Call, Course, Ending, JudgedFinding } from './exchange.ts'

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

export function createRecordPrompt(): RecordPrompt {
  const sensitive = createRecall(findSensitive)
  return (course) => {
    const { call } = course
    const owner = call?.caller.identity.id
    const masker = createMasker(owner === undefined ? findSensitive : (text) => sensitive.of(text, owner))
    return recordPrompt(course, masker)
  }
}

function recordPrompt({ arrival, call }: Course, masker: Masker): RecordedPrompt {
  const settings = arrival.snapshot.policy.audit
  let roomBytes = settings.maxTextBytes
  if (!call) return { prompt: null, masker, roomBytes }
  const { texts } = call.prompt
  const prompt = texts.slice(0, mostTexts).map((text) => {
    const recorded = recordText(text, settings, roomBytes, masker)
    roomBytes -= 'text' in recorded ? Buffer.byteLength(text.text) : 0
    return recorded
  })
  if (texts.length > mostTexts) prompt.push(recordRest(texts.slice(mostTexts)))
  return { prompt, masker, roomBytes }
}

/** When texts cannot be masked: how long they were. */
export function withoutTexts({ call }: Course): RecordedPrompt {
  const prompt = call?.prompt.texts
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
  { prompt, masker, roomBytes }: RecordedPrompt,
  wallMs: number,
  totalMs: number,
): RequestRecord {
  const { arrival, caller, call, inspected, output } = course
  const { policy } = arrival.snapshot
  const answer = 'answer' in ending ? ending.answer : undefined
  return {
    time: new Date(wallMs).toISOString(),
    id: arrival.id,
    traceparent: arrival.traceparent ?? null,
    identity: caller?.identity ?? null,
    peer: arrival.peer,
    route: arrival.route,
    dialect: arrival.dialect.name,
    upstream: course.upstream?.name ?? null,
    model: call ? recordModel(call, masker) : null,
    policy: policy.version,
    prompt,
    answer: answer && call ? recordAnswer(answer, output?.cuts ?? [], policy.audit, roomBytes, masker) : null,
    findings: recordFindings([...(inspected?.findings ?? []), ...(output?.findings ?? [])]),
    dropped: call?.outgoing.dropped.map((path) => masker.mask(path).slice(0, 96)) ?? [],
    clamped: call?.outgoing.clamped ?? [],
    planted: output?.planted ?? [],
    unread: call?.prompt.unread ?? [],
    usage: answer?.usage ?? null,
    limits: recordLimits(course),
    ending: recordEnding(ending),
    timing: {
      queuedMs: round(course.queuedMs ?? 0),
      firstByteMs: answer?.firstByteMs === undefined ? null : round(answer.firstByteMs),
      totalMs: round(totalMs),
    },
  }
}

/** The caller's words: a name that is somebody's secret must not get through as a model's. */
function recordModel({ model: { asked, served }, target }: Call, masker: Masker) {
  return { asked: masker.mask(asked).slice(0, 256), served: masker.mask(served), digest: target.digest }
}

function recordText(
  { channel, text }: Text,
  settings: AuditSettings,
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
  settings: AuditSettings,
  roomBytes: number,
  masker: Masker,
) {
  const text = recordText({ channel: 'assistant', text: answer.text }, settings, roomBytes, masker)
  let room =
    settings.content === 'none' ? 0 : roomBytes - ('text' in text ? Buffer.byteLength(answer.text) : 0)
  const toolCalls = answer.toolCalls.map((call) => {
    const args = masker.mask(call.arguments).slice(0, Math.max(0, room))
    room -= Buffer.byteLength(args)
    return { name: masker.mask(call.name).slice(0, longestName), arguments: args }
  })
  return { text, toolCalls, truncated: answer.truncated, cuts }
}

function recordFindings(findings: readonly JudgedFinding[]) {
  if (findings.length <= mostFindings) return findings.map(recordFinding)
  return findings
    .toSorted((a, b) => heaviestFirst[a.severity] - heaviestFirst[b.severity])
    .slice(0, mostFindings)
    .map(recordFinding)
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
