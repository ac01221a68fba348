/**
 * Stage 10, of tool calls: what is said of each before the client sees it. By the role's rights; where those want it,
 * by a human. What is let through is remembered, so that its result is known again (`match-tool-results.ts`).
 *
 * A call is judged by its name and arguments. What the client's tool makes of them is not known here.
 */
import type { Answered, ApprovalService } from '../../approvals/service.ts'
import { holderOf } from '../../auth/identity.ts'
import type { JsonObject } from '../../core/json.ts'
import { describeError, Refusal } from '../../core/refusal.ts'
import type { Severity } from '../../core/text.ts'
import { type CallVerdict, type JudgeCall, undecidedCallNote } from '../../dialects/common/call-verdict.ts'
import type { ToolCall } from '../../dialects/dialect.ts'
import type { Policy } from '../../policy/policy.ts'
import type { Log } from '../../telemetry/log.ts'
import type { Metrics } from '../../telemetry/metrics.ts'
import type { Calls } from '../../tool-policy/calls/registry.ts'
import type { ToolRights } from '../../tool-policy/rights.ts'
import type { Guarded } from '../context.ts'
import type { JudgedFinding } from '../findings.ts'
import { callRights, judgeRight } from './tool-rights.ts'

const guard = 'tools'
/** Excessive agency, OWASP LLM06:2025. */
const category = 'LLM06'
/** Of one answer, on record: findings, stopped calls, questions. */
const maxTold = 256

const pass: CallVerdict = { kind: 'pass' }
const note = 'A tool call was removed here: this key may not make it.'

const over =
  'The approval for this tool call has expired, or another call like it has used it. Retry the call.'

const unwaited = 'The request that made this tool call has ended.'
const outdated = 'The policy changed while this tool call waited for approval. Retry the call.'

/** What a message may repeat without leaving it. */
const plainName = /^[\w.:/-]{1,128}$/

export interface JudgeParts {
  readonly approvals: ApprovalService
  readonly calls: Calls
  /** Reads now what an operator has written, and ends the requests that it stops. */
  lookAgain(): void
  /** Whether the policy of this version is in force. */
  isInForce(policy: string): boolean
  readonly metrics: Metrics
  readonly log: Log
}

/** @returns for a call that may be answered: who judges the tool calls in it, or undefined if nobody does */
export function createJudgeCalls({ approvals, calls, lookAgain, isInForce, metrics, log }: JudgeParts) {
  const find = (request: Guarded, id: string, severity: Severity, action: JudgedFinding['action']) => {
    metrics.findings.inc({ guard, category, action })
    const { findings } = request.toolCalls
    if (findings.length >= maxTold) return
    findings.push({ guard, id, category, severity, channel: 'assistant', action, start: 0, end: 0 })
  }

  /** Not waited for: a call that is not remembered only has its result flagged. */
  const letThrough = (request: Guarded, made: ToolCall): CallVerdict => {
    void calls.note(holderOf(request.identity), made)
    return pass
  }

  /** @param action `redact`: the rest of the answer leaves without it */
  const stopped = (
    request: Guarded,
    made: ToolCall,
    id: string,
    severity: Severity,
    action: 'block' | 'redact' = 'block',
  ) => {
    find(request, id, severity, action)
    if (request.toolCalls.stopped.length < maxTold) request.toolCalls.stopped.push(made)
  }

  const remember = ({ toolCalls }: Guarded, id: string, outcome: 'asked' | 'used' | 'denied') => {
    if (toolCalls.approvals.size < maxTold || toolCalls.approvals.has(id))
      toolCalls.approvals.set(id, outcome)
  }

  const outside = (
    request: Guarded,
    made: ToolCall,
    because: 'name' | 'arguments',
    otherwise: ToolRights['otherwise'],
  ): CallVerdict => {
    const id = because === 'name' ? 'tool.not-allowed' : 'tool.arguments'
    stopped(request, made, id, 'high', otherwise === 'strip' ? 'redact' : 'block')
    if (otherwise === 'strip') return { kind: 'strip', note }
    const tool = nameToSay(request, made)
    return {
      kind: 'refuse',
      refusal: new Refusal('tool_not_allowed', {
        say:
          because === 'name'
            ? `The response calls a tool${tool} that this key may not use.`
            : `The response calls a tool${tool} with arguments that this key may not use.`,
      }),
    }
  }

  const outOfPlace = (request: Guarded, made: ToolCall): CallVerdict => {
    stopped(request, made, 'tool.unapproved', 'medium', 'redact')
    return { kind: 'strip', note: undecidedCallNote }
  }

  const unapproved = (request: Guarded, made: ToolCall, id: string, say: string): CallVerdict => {
    stopped(request, made, id, 'medium')
    return { kind: 'refuse', refusal: new Refusal('approval_denied', { say }) }
  }

  /** Who cannot judge lets nothing through. */
  const unjudged = (request: Guarded, made: ToolCall, cause: unknown): CallVerdict => {
    metrics.guardFailures.inc({ guard })
    log.error({ id: request.id, cause: describeError(cause) }, 'cannot judge a tool call; it is refused')
    stopped(request, made, 'tool.unjudged', 'high')
    return { kind: 'refuse', refusal: new Refusal('store_unavailable', { cause, retryAfterSeconds: 5 }) }
  }

  const asked = async (request: Guarded, made: ToolCall, args: JsonObject): Promise<CallVerdict> => {
    const { identity, role, policy, cancellation } = request
    const { waitMs, validMs } = policy.approval
    // Of whom nothing is recorded, no more is kept than a human needs who decides.
    const shows = role.content === 'none' ? 'masked' : policy.approval.arguments
    // Under another policy nobody can say yes any more.
    const isCurrent = () => isInForce(policy.version)
    const wanted = () => !cancellation.over && isCurrent()
    const mayPass = () => {
      lookAgain()
      return wanted()
    }
    // There may be a yes already. Who was known when the request came may be frozen since: models take their time.
    if (!mayPass()) return unapproved(request, made, 'tool.unapproved', isCurrent() ? unwaited : outdated)
    const answer = await approvals.ask(
      {
        identity,
        holder: holderOf(identity),
        request: request.id,
        tool: made.name,
        arguments: args,
        model: request.model.served,
        policy: policy.version,
        finder: policy.personalData.finder,
      },
      { validMs, shows },
    )
    if (answer.kind === 'full')
      return unapproved(
        request,
        made,
        'tool.too-many',
        'Too many tool calls are waiting for approval. Try again later.',
      )
    const answered = ({ kind, id, why }: Answered): CallVerdict => {
      remember(request, id, kind === 'passed' ? 'used' : 'denied')
      if (kind === 'passed') return letThrough(request, made)
      return unapproved(
        request,
        made,
        'tool.denied',
        `An approver denied this tool call${reasonOf(why, policy)}. Approval ${id}.`,
      )
    }
    if (answer.kind !== 'pending') return answered(answer)
    const { id, decided } = answer
    remember(request, id, 'asked')
    const needed = `A tool call needs approval. Approval id: ${id}. Once it is approved, retry the same call.`
    if (waitMs === 0) return unapproved(request, made, 'tool.unapproved', needed)
    const waited = async (): Promise<CallVerdict> => {
      const how = await decided(waitMs, { wanted, mayPass })
      if (how.kind === 'passed' || how.kind === 'denied') return answered(how)
      const unanswered = how.kind === 'over' ? over : `The approval was not decided in time. ${needed}`
      const say = isCurrent() ? unanswered : outdated
      return unapproved(request, made, 'tool.unapproved', say)
    }
    let waiting: Promise<CallVerdict> | undefined
    return {
      kind: 'wait',
      note: needed,
      abandon: () => stopped(request, made, 'tool.unapproved', 'medium', 'redact'),
      // Only for who asks: a yes that came while nobody waits must be there for the next one.
      get decided() {
        waiting ??= waited().catch((cause: unknown) => unjudged(request, made, cause))
        return waiting
      },
    }
  }

  return (request: Guarded): JudgeCall | undefined => {
    if (!callRights(request)) return undefined
    const otherwise = request.role.tools?.otherwise ?? 'refuse'
    // At once wherever no human is asked: what stands in a text cannot wait.
    return (made, place) => {
      try {
        const judgement = judgeRight(request, made)
        if (judgement.kind === 'outside') return outside(request, made, judgement.because, otherwise)
        if (judgement.kind === 'allowed') return letThrough(request, made)
        if (place === 'text') return outOfPlace(request, made)
        return asked(request, made, judgement.arguments).catch((cause: unknown) =>
          unjudged(request, made, cause),
        )
      } catch (cause) {
        return unjudged(request, made, cause)
      }
    }
  }
}

/** What a human gave as a reason, on one line, where the policy lets the caller have it. */
function reasonOf(why: string | null, { approval }: Policy): string {
  const words = (why ?? '').replace(/[\p{C}\p{Z}]+/gu, ' ').trim()
  return approval.tellWhy && words !== '' ? `: ${words.replace(/\.$/, '')}` : ''
}

/** Only a name that the request has offered itself: any other is a model's word, and may be what it must not say. */
function nameToSay({ prompt }: Guarded, { name }: ToolCall): string {
  return prompt.tools.includes(name) && plainName.test(name) ? ` (${name})` : ''
}
