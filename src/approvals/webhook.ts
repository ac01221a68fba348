/** Tells a webhook of questions and decisions. What it says is what approvers see, no more; it decides nothing. */
import type { ApprovalSettings } from '../policy/notifications.ts'
import { createWebhook, type WebhookOptions } from '../telemetry/webhook.ts'
import { type Approval, publicly } from './approval.ts'
import type { ApprovalEvent } from './service.ts'

/** Delivers what becomes of approvals. */
export interface ApprovalWebhook {
  /** Queues what became of an approval, if the policy names a webhook. @param usedBy the request that used it */
  tell(event: ApprovalEvent, approval: Approval, usedBy?: string): void
  /** Cuts off whatever is under way. */
  close(): void
}

/** What the webhook of approvals works with. */
export interface ApprovalWebhookOptions extends Omit<WebhookOptions, 'target'> {
  /** The settings in force. */
  settings(): ApprovalSettings
}

/** Makes a webhook with an empty queue. */
export function createApprovalWebhook({ settings, ...options }: ApprovalWebhookOptions): ApprovalWebhook {
  const webhook = createWebhook({ ...options, target: () => settings().webhook })
  return {
    tell(event, approval, usedBy) {
      if (!webhook.wanted) return
      const shown = publicly(approval, settings().arguments)
      webhook.tell(`approval ${approval.id}`, { event, approval: shown, usedBy })
    },
    close: webhook.close,
  }
}
