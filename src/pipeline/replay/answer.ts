/** What the output guard and the tool gate say of the recorded answer. */
import { tryJson } from '../../core/json.ts'
import { Refusal } from '../../core/refusal.ts'
import type { ToolCall } from '../../dialects/dialect.ts'
import type { Role } from '../../policy/policy.ts'
import type { Authorised } from '../context.ts'
import { guardsResponse } from '../response/guarded-routes.ts'
import type { MakeResponseGuard } from '../response/output-guard.ts'
import { callRights, judgeRight } from '../response/tool-rights.ts'
import type { ReadPrompt } from './prompt.ts'
import type { RecordedRequest } from './recorded-request.ts'
import { AsksHuman, Unknown } from './unknown.ts'

const maxNameLength = 128

/** @throws Refusal `output_blocked`, `tool_not_allowed`; Unknown */
export function requireAnswer(
  request: Authorised,
  recorded: RecordedRequest,
  read: ReadPrompt,
  make: MakeResponseGuard,
): void {
  const { answer, outcome } = recorded
  const answered: readonly string[] = ['passed', 'output_blocked', 'tool_not_allowed', 'approval_denied']
  // No model has been asked. What it would have said is not the policy's doing.
  if (!answered.includes(outcome)) return
  const { role } = request
  const mayBlock = guardsResponse(request.endpoint, role) && blocks(role).length > 0
  if (mayBlock && outcome === 'output_blocked')
    throw new Unknown('what was blocked of the answer is not on record')
  if (!answer) {
    if (mayBlock || (callRights(request) && !role.observesTools))
      throw new Unknown('its answer is not on record')
    return
  }
  if (mayBlock) {
    if (answer.isCut) throw new Unknown('what was taken out of the answer is not on record')
    if (answer.isMasked && blocks(role).some((part) => part === 'secrets' || part === 'pii'))
      throw new Unknown('what is masked in the answer is not on record')
    requireText(request, answer.text, read, make)
    if (blocks(role).includes('schema')) throw new Unknown('the form that was asked for is not on record')
  }
  for (const call of answer.calls) requireCall(request, call)
}

/** What ends a response; what was planted is not on record. */
function blocks({ outputGuard: { mode, actions } }: Role): string[] {
  if (mode !== 'enforce') return []
  return Object.entries(actions).flatMap(([part, action]) =>
    action === 'block' && part !== 'canary' ? part : [],
  )
}

/** @throws Refusal `output_blocked` */
function requireText(request: Authorised, text: string, read: ReadPrompt, make: MakeResponseGuard): void {
  const guard = make(request, { ...read, canary: undefined, isUnread: false })
  guard?.filter.whole('content', text)
}

/** @throws Refusal `tool_not_allowed`; Unknown */
function requireCall(request: Authorised, call: ToolCall): void {
  const { role } = request
  if (!callRights(request) || role.observesTools) return
  // Arguments that were too long for the record are cut.
  const isWhole = tryJson(call.arguments) !== undefined
  if (!isWhole && callRights(request)?.(call.name) && role.tools?.asks(call.name).rules)
    throw new Unknown('arguments of a tool call are not on record')
  const judgement = judgeRight(request, call)
  if (judgement.kind === 'approve') throw new AsksHuman('a human would be asked about a tool call')
  if (judgement.kind === 'outside' && role.tools?.otherwise !== 'strip')
    throw new Refusal('tool_not_allowed', { detail: call.name.slice(0, maxNameLength) })
}
