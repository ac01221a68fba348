/** How a human is asked, from what the policy file says. */
import { parseDuration } from '../core/units.ts'
import { isLoopback, isNear } from './address.ts'
import type { ApprovalSettings } from './policy.ts'
import type { Config } from './schema/schema.ts'
import type { Report } from './source.ts'
import { urlFault } from './url-fault.ts'

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
  const fault = webhook && urlFault(webhook.url, { schemes: ['https:', 'http:'], isShown: false })
  if (webhook && (fault !== undefined || !isSafe(webhook.url)))
    report(['approval', 'webhook', 'url'], fault ?? 'must be https, or http on a loopback or private address')
  return {
    waitMs,
    validMs,
    approvers: new Set(approval.approvers),
    arguments: approval.arguments,
    tellWhy: approval.tellWhy,
    webhook,
  }
}

/** A name may be given another address any day, so without TLS only addresses will do. */
function isSafe(text: string): boolean {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || url.username + url.password !== '') return false
  const host = url.hostname.replace(/^\[|\]$/g, '')
  return url.protocol === 'https:' || (url.protocol === 'http:' && (isLoopback(host) || isNear(host)))
}
