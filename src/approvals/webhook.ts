/**
 * Tells a chat tool of questions and decisions: one signed POST each, tried again with growing pauses, from a queue
 * with an end. Follows no redirect and reads no answer. What it says is what approvers see, no more; it decides nothing.
 */
import { createHmac } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import type { ApprovalSettings } from '../policy/policy.ts'
import { type Approval, publicly } from './approval.ts'
import type { ApprovalEvent } from './service.ts'

/** Delivers what becomes of approvals. */
export interface Webhook {
  /** Queues what became of an approval, if the policy names a webhook. @param usedBy the request that used it */
  tell(event: ApprovalEvent, approval: Approval, usedBy?: string): void
  /** Cuts off whatever is under way. */
  close(): void
}

/** What a webhook works with. */
export interface WebhookOptions {
  /** The settings in force. */
  settings(): ApprovalSettings
  /** Epoch milliseconds. */
  now(): number
  /** Told what could not be delivered. */
  report(problem: string, error?: unknown): void
  /** The pause before the second try, in milliseconds; every further one is twice as long. */
  readonly pauseMs?: number
}

/** One message, and the approval it is about. */
interface Message {
  readonly id: string
  readonly body: string
}

const maxWaiting = 256
const maxAtOnce = 4
const tries = 6
const answerMs = 5000

/** Makes a webhook with an empty queue. */
export function createWebhook(options: WebhookOptions): Webhook {
  const queue: Message[] = []
  const stopped = new AbortController()
  const { settings, report } = options
  let sending = 0
  const work = () => {
    while (sending < maxAtOnce) {
      const next = queue.shift()
      if (next === undefined) return
      sending++
      void deliver(next, options, stopped.signal).finally(() => {
        sending--
        work()
      })
    }
  }
  return {
    tell(event, approval, usedBy) {
      if (!settings().webhook) return
      if (queue.length >= maxWaiting)
        return report(`the webhook is too slow; approval ${approval.id} was not delivered`)
      const shown = publicly(approval, settings().arguments)
      queue.push({ id: approval.id, body: JSON.stringify({ event, approval: shown, usedBy }) })
      work()
    },
    close: () => stopped.abort(),
  }
}

/** Tries until somebody took it, the tries are used up, or `stopped`. Never rejects. */
async function deliver({ id, body }: Message, options: WebhookOptions, stopped: AbortSignal): Promise<void> {
  const { report, pauseMs = 1000 } = options
  for (let attempt = 0; !stopped.aborted; attempt++) {
    try {
      return await send(body, options, stopped)
    } catch (error) {
      if (stopped.aborted) return
      if (attempt + 1 >= tries) return report(`the webhook did not accept approval ${id}`, error)
    }
    // Cut short when it is closed; the loop sees that.
    await pause(pauseMs * 2 ** attempt, undefined, { ref: false, signal: stopped }).catch(() => {})
  }
}

/** @throws if the receiver did not take it */
async function send(body: string, { settings, now }: WebhookOptions, stopped: AbortSignal): Promise<void> {
  const { webhook } = settings()
  // Taken out of the policy meanwhile.
  if (!webhook) return
  const timestamp = `${Math.floor(now() / 1000)}`
  const response = await fetch(webhook.url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'user-agent': 'torwart',
      'x-torwart-timestamp': timestamp,
      'x-torwart-signature': `v1=${signatureOf(webhook.secret, timestamp, body)}`,
    },
    body,
    redirect: 'manual',
    signal: AbortSignal.any([stopped, AbortSignal.timeout(answerMs)]),
  })
  await response.body?.cancel()
  if (!response.ok) throw new TypeError(`the webhook answers ${response.status}`)
}

/** Makes what a receiver compares `x-torwart-signature` with, behind `v1=`. */
export function signatureOf(secret: string, timestamp: string, body: string): string {
  return createHmac('sha256', secret).update(`${timestamp}.${body}`).digest('hex')
}
