/**
 * Stage 10, of tool calls: what is said of each before the client sees it. By the role's rights; where those want it,
 * by a human. What is let through is remembered, so that its result is known again (`match-tool-results.ts`).
 *
 * A call is judged by its name and arguments. What the client's tool makes of them is not known here.
 */
import type { Answered, Approvals } from '../../approvals/service.ts'
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
import type { Call, JudgedFinding } from '../context.ts'
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
  readonly approvals: Approvals
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
  const find = (call: Call, id: string, severity: Severity, action: JudgedFinding['action']) => {
    metrics.findings.inc({ guard, category, action })
    const { findings } = call.judged
    if (findings.length >= maxTold) return
    findings.push({ guard, id, category, severity, channel: 'assistant', action, start: 0, end: 0 })
  }

  /** Not waited for: a call that is not remembered only has its result flagged. */
  const letThrough = (call: Call, made: ToolCall): CallVerdict => {
    void calls.note(holderOf(call.caller.identity), made)
    return pass
  }

  /** @param action `redact`: the rest of the answer leaves without it */
  const stopped = (
    call: Call,
    made: ToolCall,
    id: string,
    severity: Severity,
    action: 'block' | 'redact' = 'block',
  ) => {
    find(call, id, severity, action)
    if (call.judged.stopped.length < maxTold) call.judged.stopped.push(made)
  }

  const remember = ({ judged }: Call, id: string, outcome: 'asked' | 'used' | 'denied') => {
    if (judged.approvals.size < maxTold || judged.approvals.has(id)) judged.approvals.set(id, outcome)
  }

  const outside = (
    call: Call,
    made: ToolCall,
    because: 'name' | 'arguments',
    otherwise: ToolRights['otherwise'],
  ): CallVerdict => {
    const id = because === 'name' ? 'tool.not-allowed' : 'tool.arguments'
    stopped(call, made, id, 'high', otherwise === 'strip' ? 'redact' : 'block')
    if (otherwise === 'strip') return { kind: 'strip', note }
    const tool = nameToSay(call, made)
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

  const outOfPlace = (call: Call, made: ToolCall): CallVerdict => {
    stopped(call, made, 'tool.unapproved', 'medium', 'redact')
    return { kind: 'strip', note: undecidedCallNote }
  }

  const unapproved = (call: Call, made: ToolCall, id: string, say: string): CallVerdict => {
    stopped(call, made, id, 'medium')
    return { kind: 'refuse', refusal: new Refusal('approval_denied', { say }) }
  }

  /** Who cannot judge lets nothing through. */
  const unjudged = (call: Call, made: ToolCall, cause: unknown): CallVerdict => {
    metrics.guardFailures.inc({ guard })
    log.error(
      { id: call.caller.incoming.id, cause: describeError(cause) },
      'cannot judge a tool call; it is refused',
    )
    stopped(call, made, 'tool.unjudged', 'high')
    return { kind: 'refuse', refusal: new Refusal('store_unavailable', { cause, retryAfterSeconds: 5 }) }
  }

  const asked = async (call: Call, made: ToolCall, args: JsonObject): Promise<CallVerdict> => {
    const { identity, role, incoming } = call.caller
    const { policy } = incoming.snapshot
    const { waitMs, validMs } = policy.approval
    // Of whom nothing is recorded, no more is kept than a human needs who decides.
    const shows = role.content === 'none' ? 'masked' : policy.approval.arguments
    // Under another policy nobody can say yes any more.
    const isCurrent = () => isInForce(policy.version)
    const wanted = () => !incoming.cancellation.over && isCurrent()
    const mayPass = () => {
      lookAgain()
      return wanted()
    }
    // There may be a yes already. Who was known when the request came may be frozen since: models take their time.
    if (!mayPass()) return unapproved(call, made, 'tool.unapproved', isCurrent() ? unwaited : outdated)
    const answer = await approvals.ask(
      {
        identity,
        holder: holderOf(identity),
        request: incoming.id,
        tool: made.name,
        arguments: args,
        model: call.model.served,
        policy: policy.version,
        finder: policy.personalData.finder,
      },
      { validMs, shows },
    )
    if (answer.kind === 'full')
      return unapproved(
        call,
        made,
        'tool.too-many',
        'Too many tool calls are waiting for approval. Try again later.',
      )
    const answered = ({ kind, id, why }: Answered): CallVerdict => {
      remember(call, id, kind === 'passed' ? 'used' : 'denied')
      if (kind === 'passed') return letThrough(call, made)
      return unapproved(
        call,
        made,
        'tool.denied',
        `An approver denied this tool call${reasonOf(why, policy)}. Approval ${id}.`,
      )
    }
    if (answer.kind !== 'pending') return answered(answer)
    const { id, decided } = answer
    remember(call, id, 'asked')
    const needed = `A tool call needs approval. Approval id: ${id}. Once it is approved, retry the same call.`
    if (waitMs === 0) return unapproved(call, made, 'tool.unapproved', needed)
    const waited = async (): Promise<CallVerdict> => {
      const how = await decided(waitMs, { wanted, mayPass })
      if (how.kind === 'passed' || how.kind === 'denied') return answered(how)
      const unanswered = how.kind === 'over' ? over : `The approval was not decided in time. ${needed}`
      const say = isCurrent() ? unanswered : outdated
      return unapproved(call, made, 'tool.unapproved', say)
    }
    let waiting: Promise<CallVerdict> | undefined
    return {
      kind: 'wait',
      note: needed,
      abandon: () => stopped(call, made, 'tool.unapproved', 'medium', 'redact'),
      // Only for who asks: a yes that came while nobody waits must be there for the next one.
      get decided() {
        waiting ??= waited().catch((cause: unknown) => unjudged(call, made, cause))
        return waiting
      },
    }
  }

  return (call: Call): JudgeCall | undefined => {
    if (!callRights(call.caller)) return undefined
    const otherwise = call.caller.role.tools?.otherwise ?? 'refuse'
    // At once wherever no human is asked: what stands in a text cannot wait.
    return (made, place) => {
      try {
        const judgement = judgeRight(call.caller, made)
        if (judgement.kind === 'outside') return outside(call, made, judgement.because, otherwise)
        if (judgement.kind === 'allowed') return letThrough(call, made)
        if (place === 'text') return outOfPlace(call, made)
        return asked(call, made, judgement.arguments).catch((cause: unknown) => unjudged(call, made, cause))
      } catch (cause) {
        return unjudged(call, made, cause)
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
function nameToSay({ prompt }: Call, { name }: ToolCall): string {
  return prompt.tools.includes(name) && plainName.test(name) ? ` (${name})` : ''
}
