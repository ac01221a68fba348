/** How a human is asked, from what the policy file says. */
import { parseDuration } from '../core/units.ts'
import type { ApprovalSettings } from './notifications.ts'
import type { Config } from './schema/schema.ts'
import type { Report } from './source.ts'
import { checkWebhook } from './webhook-fault.ts'

/** Compiles `approval`. Reports a webhook that is not safe to call. */
export function compileApproval({ approval }: Config, report: Report): ApprovalSettings {
  const { webhook } = approval
  const validMs = parseDuration(approval.valid) ?? 0
  const waitMs = parseDuration(approval.wait) ?? 0
  if (waitMs > validMs)
    report(
      ['approval', 'wait'],
      `is longer than \`approval.valid\` (${approval.valid}), after which the approval request expires`,
    )
  checkWebhook(webhook, ['approval', 'webhook'], report)
  return {
    waitMs,
    validMs,
    approvers: new Set(approval.approvers),
    arguments: approval.arguments,
    tellWhy: approval.tellWhy,
    webhook,
  }
}
