/** A call as the judge of tool calls sees it, with as much of a request as that takes, and a desk that remembers. */

import type { Approval } from '../../src/approvals/approval.ts'
import {
  type ApprovalEvent,
  type ApprovalService,
  createApprovalService,
} from '../../src/approvals/service.ts'
import type { ApprovalStore } from '../../src/approvals/store.ts'
import { shippedFinder } from '../../src/detect/sensitive/mask.ts'
import type { Guarded } from '../../src/pipeline/context.ts'
import type { ApprovalSettings } from '../../src/policy/notifications.ts'
import { createLog } from '../../src/telemetry/log.ts'
import { createMetrics } from '../../src/telemetry/metrics.ts'
import { compileTools, type ToolsConfig } from '../../src/tool-policy/rights.ts'

export interface JudgedCallSettings {
  readonly tools?: ToolsConfig | undefined
  readonly approval?: Partial<ApprovalSettings>
  readonly owner?: string
  /** That the owner is a token of. */
  readonly key?: string
  readonly policy?: string
  readonly model?: string
  /** Names of tools that the request offers. */
  readonly offered?: readonly string[]
  readonly content?: 'masked' | 'none'
  readonly request?: string
  readonly cancellation?: { over: boolean }
}

export function judgedCall(settings: JudgedCallSettings): Guarded {
  const { tools, approval, owner = 'agent1', policy = 'aaaaaaaaaaaa', model = 'qwen3:8b' } = settings
  const { key } = settings
  const rights = tools && compileTools(tools, () => {})
  const call = {
    identity: { kind: 'key', id: owner, name: owner, role: 'agent', ...(key ? { from: [key] } : {}) },
    role: { name: 'agent', tools: rights, mayCall: rights?.mayCall, content: settings.content ?? 'masked' },
    id: settings.request ?? 'r1',
    cancellation: settings.cancellation ?? { over: false },
    policy: {
      version: policy,
      personalData: { finder: shippedFinder, names: 'off' },
      approval: {
        waitMs: 0,
        validMs: 600_000,
        approvers: new Set(),
        arguments: 'masked',
        tellWhy: false,
        ...approval,
      },
    },
    prompt: { tools: settings.offered ?? [] },
    model: { asked: model, served: model },
    toolCalls: { findings: [], stopped: [], approvals: new Map() },
    would: new Set(),
  }
  return call as unknown as Guarded
}

export interface Desk extends ApprovalService {
  readonly told: (readonly [ApprovalEvent, Approval, usedBy?: string])[]
  readonly reported: string[]
}

export function openDesk(store: ApprovalStore): Desk {
  const told: [ApprovalEvent, Approval, usedBy?: string][] = []
  const reported: string[] = []
  const desk = createApprovalService({
    store,
    tell: (event, approval, usedBy) =>
      void told.push(usedBy === undefined ? [event, approval] : [event, approval, usedBy]),
    report: (problem) => void reported.push(problem),
  })
  return Object.assign(desk, { told, reported })
}

export const quiet = { metrics: createMetrics(), log: createLog('fatal', { write: () => {} }) }
