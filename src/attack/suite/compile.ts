/** Compiles one entry of a file into the attacks that it stands for: one for each of its texts and disguises. */
import type { JsonValue } from '../../core/json.ts'
import { didYouMean } from '../../policy/problem.ts'
import type { Path, Report } from '../../policy/source.ts'
import type { Answer, Attack, RequestPlan, Step, Success } from './attack.ts'
import { disguised } from './disguises.ts'
import type { AnswerFile, AttackFile, StepFile } from './schema.ts'

/** The fields of a request, as a file has them. */
export type RequestFile = Omit<
  StepFile,
  'times' | 'together' | 'keep' | 'answer' | 'server' | 'patient' | 'needed'
>

type Requests = ReadonlyMap<string, RequestFile>

/** Compiles an entry. Reports what a schema cannot say. */
export function compileAttack(entry: AttackFile, requests: Requests, report: Report): readonly Attack[] {
  const { id, title, owasp, guard, close, once = false, limit, direct } = entry
  const [first, ...others] = stepsOf(entry, requests, report)
  if (first === undefined) return []
  const common = {
    ...{ owasp, guard, close, once, limit, direct },
    admitted: entry.admitted && { by: entry.admitted.by, when: entry.admitted.when ?? [] },
    when: entry.when ?? [],
    steps: [first, ...others] as const,
    success: successOf(entry.succeeds),
    codes: new Set(entry.codes),
  }
  return variantsOf(entry, report).map(({ variant, text }) => ({
    ...common,
    id: variant === undefined ? id : `${id}.${variant}`,
    title: variant === undefined ? title : `${title} (${variant})`,
    text,
  }))
}

interface Variant {
  readonly variant: string | undefined
  readonly text: string | undefined
}

function variantsOf({ text, texts, disguises }: AttackFile, report: Report): readonly Variant[] {
  if (text !== undefined && texts !== undefined) report(['texts'], 'use either `text` or `texts`')
  if (disguises && text === undefined) report(['disguises'], 'needs a `text`')
  if (disguises && text !== undefined)
    return disguises.map((disguise) => ({ variant: disguise, text: disguised(text, disguise) }))
  if (texts) return Object.entries(texts).map(([variant, each]) => ({ variant, text: each }))
  return [{ variant: undefined, text }]
}

function stepsOf({ send, steps, answer }: AttackFile, requests: Requests, report: Report): readonly Step[] {
  if ((send === undefined) === (steps === undefined)) report([], 'must have either `send` or `steps`')
  if (send) return [compileStep(send, answer, requests, within(report, ['send']))]
  return (steps ?? []).map((each, index) =>
    compileStep(each, answer, requests, within(report, ['steps', index])),
  )
}

function within(report: Report, prefix: Path): Report {
  return (path, message) => report([...prefix, ...path], message)
}

function compileStep(
  file: StepFile,
  answer: AnswerFile | undefined,
  requests: Requests,
  report: Report,
): Step {
  return {
    request: requestPlan(file, requests, report),
    times: file.times ?? 1,
    together: file.together ?? false,
    keep: file.keep ?? {},
    answer: answerOf(file.answer ?? answer),
    replacesModel: file.server === 'replace-model',
    patient: file.patient ?? false,
    needed: file.needed ?? false,
  }
}

/** Compiles a request, with what it takes from another one. */
export function requestPlan(file: RequestFile, requests: Requests, report: Report): RequestPlan {
  const base = file.use === undefined ? undefined : requests.get(file.use)
  if (file.use !== undefined && base === undefined)
    report(['use'], `there is no such request${didYouMean(file.use, [...requests.keys()])}`)
  if (base?.use !== undefined) report(['use'], 'refers to a request that refers to another one')
  const {
    to = 'gate',
    method,
    path = '',
    as = 'key',
    headers = [],
    body,
    content,
    raw,
  } = { ...base, ...file }
  if (path === '' && raw === undefined) report([], 'needs a `path` or `raw`')
  return { to, method, path, as, headers, body: jsonOf(body), content, raw }
}

/** YAML has more values than JSON, which a request cannot carry. */
function jsonOf(value: unknown): JsonValue | undefined {
  return value === undefined ? undefined : (JSON.parse(JSON.stringify(value)) as JsonValue)
}

function answerOf(file: AnswerFile | undefined): Answer {
  const { text = 'Fine, thank you.', calls = [], usage, holds = false } = file ?? {}
  return {
    text: calls.length > 0 && file?.text === undefined ? '' : text,
    calls: calls.map((call) => ({ name: call.name, arguments: jsonOf(call.arguments) ?? {} })),
    usage,
    holds,
    isGiven: file !== undefined,
  }
}

function successOf(file: AttackFile['succeeds']): Success {
  const list = (texts: string | readonly string[]) => (typeof texts === 'string' ? [texts] : texts)
  if (file.arrives !== undefined) return { kind: 'arrives', texts: list(file.arrives) }
  if (file.returns !== undefined) return { kind: 'returns', texts: list(file.returns) }
  if (file.status !== undefined) return { kind: 'status', status: file.status }
  return file.moreThan === undefined ? { kind: 'all' } : { kind: 'moreThan', count: file.moreThan }
}
