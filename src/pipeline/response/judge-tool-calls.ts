/**
 * What is said of each before the client sees it. By the role's rights; where those want it,
 * by a human. What is let through is remembered, so that its result is known again (`match-tool-results.ts`).
 *
 * A call is judged by its name and arguments. What the client's tool makes of them is not known here.
 */
import type { Answered, ApprovalAnswer, ApprovalService } from '../../approvals/service.ts'
import { holderOf } from '../../auth/identity.ts'
import type { JsonObject } from '../../core/json.ts'
import { describeError, Refusal } from '../../core/refusal.ts'
import type { Severity } from '../../core/text.ts'
import { type CallVerdict, type JudgeCall, undecidedCallNote } from '../../dialects/common/call-verdict.ts'
import type { ToolCall } from '../../dialects/dialect.ts'
import type { Policy } from '../../policy/policy.ts'
import type { Log } from '../../telemetry/log.ts'
import type { Metrics } from '../../telemetry/metrics.ts'
import type { ToolCallRegistry } from '../../tool-policy/calls/registry.ts'
import type { CallJudgement, ToolRights } from '../../tool-policy/rights.ts'
import type { Guarded } from '../context.ts'
import { countFindings } from '../labels.ts'
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

const tooMany = 'Too many tool calls are waiting for approval. Try again later.'
const unwaited = 'The request that made this tool call has ended.'
const outdated = 'The policy changed while this tool call waited for approval. Retry the call.'

/** What a message may repeat without leaving it. */
const plainName = /^[\w.:/-]{1,128}$/

/** What it takes to judge tool calls. */
export interface JudgeParts {
  readonly approvals: ApprovalService
  readonly calls: ToolCallRegistry
  /** Reads now what an operator has written, and ends the requests that it stops. */
  lookAgain(): void
  /** Whether the policy of this version is in force. */
  isInForce(policy: string): boolean
  readonly metrics: Metrics
  readonly log: Log
}

/** @returns who judges the tool calls of the response to a request; undefined: they are not restricted */
export type JudgeCallsOf = (request: Guarded) => JudgeCall | undefined

/** Makes what judges the tool calls of responses. */
export function createJudgeCalls(parts: JudgeParts): JudgeCallsOf {
  return (request) => (callRights(request) ? new ToolCallJudge(parts, request).judge : undefined)
}

/** Judges the tool calls of one response. */
class ToolCallJudge {
  readonly #parts: JudgeParts
  readonly #request: Guarded
  readonly #otherwise: ToolRights['otherwise']

  constructor(parts: JudgeParts, request: Guarded) {
    this.#parts = parts
    this.#request = request
    this.#otherwise = request.role.tools?.otherwise ?? 'refuse'
  }

  // At once wherever no human is asked: what stands in a text cannot wait.
  readonly judge: JudgeCall = (call, place) => {
    try {
      const judgement = judgeRight(this.#request, call)
      if (judgement.kind === 'allowed') return this.#letThrough(call)
      if (this.#request.role.observesTools) return this.#observe(call, judgement)
      if (judgement.kind === 'outside') return this.#outside(call, judgement.because)
      if (place === 'text') return this.#outOfPlace(call)
      return this.#ask(call, judgement.arguments).catch((cause: unknown) => this.#unjudged(call, cause))
    } catch (cause) {
      return this.#unjudged(call, cause)
    }
  }

  /** Not waited for: a call that is not remembered only has its result flagged. */
  #letThrough(call: ToolCall): CallVerdict {
    void this.#parts.calls.note(holderOf(this.#request.identity), call)
    return pass
  }

  /** Notes what would have been done. */
  #observe(call: ToolCall, judgement: Exclude<CallJudgement, { kind: 'allowed' }>): CallVerdict {
    const isOutside = judgement.kind === 'outside'
    // Who strips calls refuses nothing; that a call would be gone is told all the same.
    this.#request.would.add(isOutside ? 'tool_not_allowed' : 'approval')
    this.#note(
      isOutside ? outsideId(judgement.because) : 'tool.unapproved',
      isOutside ? 'high' : 'medium',
      'flag',
    )
    return this.#letThrough(call)
  }

  #outside(call: ToolCall, because: 'name' | 'arguments'): CallVerdict {
    const id = outsideId(because)
    const isStripped = this.#otherwise === 'strip'
    this.#stop(call, id, 'high', isStripped ? 'redact' : 'block')
    if (isStripped) return { kind: 'strip', note }
    const tool = nameToSay(this.#request, call)
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

  #outOfPlace(call: ToolCall): CallVerdict {
    this.#stop(call, 'tool.unapproved', 'medium', 'redact')
    return { kind: 'strip', note: undecidedCallNote }
  }

  #unapproved(call: ToolCall, id: string, say: string): CallVerdict {
    this.#stop(call, id, 'medium')
    return { kind: 'refuse', refusal: new Refusal('approval_denied', { say }) }
  }

  /** A judge that fails lets nothing through. */
  #unjudged(call: ToolCall, cause: unknown): CallVerdict {
    const { metrics, log } = this.#parts
    metrics.guardFailures.inc({ guard })
    log.error(
      { id: this.#request.id, cause: describeError(cause) },
      'cannot judge a tool call; it is refused',
    )
    this.#stop(call, 'tool.unjudged', 'high')
    return { kind: 'refuse', refusal: new Refusal('store_unavailable', { cause, retryAfterSeconds: 5 }) }
  }

  async #ask(call: ToolCall, args: JsonObject): Promise<CallVerdict> {
    const { id: request, identity, role, policy, model } = this.#request
    // There may be a yes already. Who was known when the request came may be frozen since: models take their time.
    if (!this.#mayPass())
      return this.#unapproved(call, 'tool.unapproved', this.#isCurrent() ? unwaited : outdated)
    const answer = await this.#parts.approvals.ask(
      {
        identity,
        request,
        arguments: args,
        holder: holderOf(identity),
        tool: call.name,
        model: model.served,
        policy: policy.version,
        finder: policy.personalData.finder,
      },
      {
        validMs: policy.approval.validMs,
        // Of whom nothing is recorded, no more is kept than a human needs who decides.
        shows: role.content === 'none' ? 'masked' : policy.approval.arguments,
      },
    )
    if (answer.kind === 'full') return this.#unapproved(call, 'tool.too-many', tooMany)
    if (answer.kind !== 'pending') return this.#decided(call, answer)
    this.#remember(answer.id, 'asked')
    return this.#wait(call, answer)
  }

  #wait(call: ToolCall, { id, decided }: Extract<ApprovalAnswer, { kind: 'pending' }>): CallVerdict {
    const { waitMs } = this.#request.policy.approval
    const needed = `A tool call needs approval. Approval id: ${id}. Once it is approved, retry the same call.`
    if (waitMs === 0) return this.#unapproved(call, 'tool.unapproved', needed)
    const wait = async (): Promise<CallVerdict> => {
      const how = await decided(waitMs, { wanted: () => this.#isWanted(), mayPass: () => this.#mayPass() })
      if (how.kind === 'passed' || how.kind === 'denied') return this.#decided(call, how)
      const unanswered = how.kind === 'over' ? over : `The approval was not decided in time. ${needed}`
      return this.#unapproved(call, 'tool.unapproved', this.#isCurrent() ? unanswered : outdated)
    }
    const unjudged = (cause: unknown) => this.#unjudged(call, cause)
    let waiting: Promise<CallVerdict> | undefined
    return {
      kind: 'wait',
      note: needed,
      abandon: () => this.#stop(call, 'tool.unapproved', 'medium', 'redact'),
      // Only for who asks: a yes that came while nobody waits must be there for the next one.
      get decided() {
        waiting ??= wait().catch(unjudged)
        return waiting
      },
    }
  }

  #decided(call: ToolCall, { kind, id, why }: Answered): CallVerdict {
    this.#remember(id, kind === 'passed' ? 'used' : 'denied')
    if (kind === 'passed') return this.#letThrough(call)
    const reason = reasonOf(why, this.#request.policy)
    return this.#unapproved(
      call,
      'tool.denied',
      `An approver denied this tool call${reason}. Approval ${id}.`,
    )
  }

  /** Under another policy nobody can say yes any more. */
  #isCurrent(): boolean {
    return this.#parts.isInForce(this.#request.policy.version)
  }

  #isWanted(): boolean {
    return !this.#request.cancellation.over && this.#isCurrent()
  }

  #mayPass(): boolean {
    this.#parts.lookAgain()
    return this.#isWanted()
  }

  /** @param action `redact`: the rest of the response leaves without the call */
  #stop(call: ToolCall, id: string, severity: Severity, action: 'block' | 'redact' = 'block'): void {
    const { stopped } = this.#request.toolCalls
    this.#note(id, severity, action)
    if (stopped.length < maxTold) stopped.push(call)
  }

  #note(id: string, severity: Severity, action: 'block' | 'redact' | 'flag'): void {
    const { identity, toolCalls } = this.#request
    const { findings } = toolCalls
    countFindings(this.#parts.metrics, identity, { guard, category, action })
    if (findings.length < maxTold)
      findings.push({ guard, id, category, severity, channel: 'assistant', action, start: 0, end: 0 })
  }

  #remember(id: string, outcome: 'asked' | 'used' | 'denied'): void {
    const { approvals } = this.#request.toolCalls
    if (approvals.size < maxTold || approvals.has(id)) approvals.set(id, outcome)
  }
}

function outsideId(because: 'name' | 'arguments'): string {
  return because === 'name' ? 'tool.not-allowed' : 'tool.arguments'
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
