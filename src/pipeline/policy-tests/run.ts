/**
 * Runs the tests of a policy. Each test is judged as if it were on record (`replay/`), with the steps of the pipeline: caller,
 * route, model, prompt guard, output guard, tool calls. What depends on the moment is not asked.
 */
import type { KeyEntry } from '../../auth/api-keys/key-file.ts'
import { Refusal } from '../../core/refusal.ts'
import type { Text } from '../../core/text.ts'
import type { ToolCall } from '../../dialects/dialect.ts'
import { dialects } from '../../dialects/dialects.ts'
import { modelMatcher } from '../../models/match.ts'
import type { Policy } from '../../policy/policy.ts'
import { didYouMean, type Problem } from '../../policy/problem.ts'
import type { PolicyTest } from '../../policy/tests/schema.ts'
import type { TestFile } from '../../policy/tests/test-file.ts'
import type { Destination } from '../context.ts'
import { createJudge, type JudgeParts, type Verdict } from '../replay/judge.ts'
import type { RecordedRequest } from '../replay/recorded-request.ts'
import { readPerson } from '../request/person.ts'
import { callerOf, UnknownName } from './caller.ts'

/** What running tests takes. */
export interface PolicyTestParts extends Pick<JudgeParts, 'scanningFor' | 'log'> {
  readonly policy: Policy
  readonly keys: readonly KeyEntry[]
  /** Epoch milliseconds. */
  readonly nowMs: number
}

/** Runs all tests of a file. @returns a problem for each that fails, in the order of the file; empty if none does */
export async function runPolicyTests(
  { tests, source }: TestFile,
  parts: PolicyTestParts,
): Promise<readonly Problem[]> {
  const judge = createJudge(parts.policy, { ...parts, serversHaveAll: true })
  const problems: Problem[] = []
  for (const [index, test] of tests.entries()) {
    try {
      const request = requestOf(test, parts)
      const fault = faultOf(test, await judged(request, judge, parts), request, parts.policy)
      if (fault !== undefined) problems.push(source.problem([index, 'expect'], fault))
    } catch (error) {
      if (error instanceof UnknownName) {
        const within = error.key === 'route' || error.key === 'model' ? 'ask' : 'as'
        problems.push(source.problem([index, within, error.key], error.message))
      } else if (error instanceof Refusal) {
        const fault = faultOf(test, refused(error), undefined, parts.policy)
        if (fault !== undefined) problems.push(source.problem([index, 'expect'], fault))
      } else throw error
    }
  }
  return problems
}

/** @throws Refusal */
function judged(
  request: TestedRequest,
  judge: ReturnType<typeof createJudge>,
  { policy }: PolicyTestParts,
): Promise<Verdict> | Verdict {
  const { identity, to, person } = request
  const role = policy.roles.get(identity?.role ?? '')
  if (role?.person && to) readPerson(person, 'The person', role, to.endpoint.cost)
  return judge(request)
}

function refused({ code, detail }: Refusal): Verdict {
  return { kind: 'refused', code, rule: detail ?? '' }
}

interface TestedRequest extends RecordedRequest {
  readonly person: string | undefined
}

/** @throws UnknownName; Refusal */
function requestOf({ as, ask }: PolicyTest, callers: PolicyTestParts): TestedRequest {
  const identity = callerOf(as, callers)
  const to = destinationOf(ask.route)
  if (to.endpoint.kind === 'exchange' && ask.model === undefined)
    throw new UnknownName('model', '`model` is missing: this route asks a model')
  return {
    ...{ id: 'test', policy: callers.policy.version, identity, to, person: as.person },
    model: { asked: ask.model ?? '', served: null },
    upstream: undefined,
    texts: textsOf(ask),
    unread: [],
    answer: { text: ask.answer ?? '', isMasked: false, isCut: false, calls: callsOf(ask) },
    isMasked: false,
    outcome: 'passed',
  }
}

/** @throws UnknownName */
function destinationOf(route: string): Destination {
  const all = dialects.flatMap((dialect) => dialect.endpoints.map((endpoint) => ({ dialect, endpoint })))
  const found = all.find(({ endpoint }) => endpoint.path === route)
  if (found) return found
  const paths = all.map(({ endpoint }) => endpoint.path)
  throw new UnknownName('route', `\`${route}\` is not a route of the gateway${didYouMean(route, paths)}`)
}

function textsOf({ system, document, toolResult, prompt }: PolicyTest['ask']): Text[] {
  const said = { system, document, tool: toolResult, user: prompt } as const
  return Object.entries(said).flatMap(([channel, text]) =>
    text === undefined ? [] : [{ channel: channel as keyof typeof said, text }],
  )
}

/** Of a tool that is only named, the name is judged. */
function callsOf({ tools, calls }: PolicyTest['ask']): ToolCall[] {
  return [
    ...tools.map((name) => ({ name, arguments: '' })),
    ...calls.map(({ name, arguments: args }) => ({ name, arguments: JSON.stringify(args) })),
  ]
}

/** Tells how a verdict differs from what was expected; undefined if it does not. */
function faultOf(
  { expect, because, ask }: PolicyTest,
  verdict: Verdict,
  request: TestedRequest | undefined,
  policy: Policy,
): string | undefined {
  const why = because === undefined ? '' : ` (${because})`
  const expected = `expected \`${expect}\`${why}`
  if (verdict.kind === 'unknown')
    return verdict.asksHuman
      ? expect === 'approval'
        ? undefined
        : `${expected}, judged \`approval\` by \`tools.approve\` of the role: a human would be asked about a tool call`
      : `${expected}, and it cannot be judged: ${reasonOf(verdict.why)}`
  if (verdict.kind === 'allowed')
    return expect === 'allowed' ? undefined : `${expected}, judged \`allowed\`${allowedBy(request, policy)}`
  if (verdict.code === expect) return undefined
  const rule = ruleIn(verdict, ask)
  return `${expected}, judged \`${verdict.code}\`${rule === '' ? '' : ` by ${rule}`}`
}

/** A test has what a record may lack, except for arguments that it leaves out. */
function reasonOf(why: string): string {
  return why.startsWith('arguments of a tool call')
    ? 'the role has rules for the arguments of this tool: write it under `calls`, with arguments'
    : why
}

function ruleIn(
  { code, rule }: { readonly code: string; readonly rule: string },
  { route }: PolicyTest['ask'],
): string {
  if (code === 'route_not_allowed') return `\`routes\` of the role, which lack \`${rule}\` (${route})`
  if (code === 'model_not_allowed') return `\`models\` of the role, which do not match \`${rule}\``
  if (code === 'tool_not_allowed') return `\`tools\` of the role (${rule})`
  if (code === 'prompt_blocked') return `\`guards.prompt\`: ${rule}`
  return rule === code ? '' : rule
}

function allowedBy(request: TestedRequest | undefined, { roles, aliases }: Policy): string {
  const role = roles.get(request?.identity?.role ?? '')
  if (!role || !request?.to) return ''
  const asked = request.model?.asked ?? ''
  const target = aliases.get(asked) ?? asked
  const pattern = role.models.find((each) => modelMatcher([each])(target, 'ollama'))
  const models = pattern === undefined ? '' : `, model \`${pattern}\``
  return ` by role \`${role.name}\`: routes \`${request.to.endpoint.group}\`${models}, prompt guard \`${role.promptGuard.mode}\``
}
