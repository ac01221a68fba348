/**
 * Tells a chat tool of questions and decisions: one signed POST each, tried again with growing pauses, from a queue
 * with an end. Follows no redirect and reads no answer. What it says is what approvers see, no more; it decides nothing.
 */
import { createHmac } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import type { ApprovalSettings } from '../policy/policy.ts'
import { type Approval, publicly } from './approval.ts'
import type { ApprovalEvent } from './service.ts'

export interface Webhook {
  tell(event: ApprovalEvent, approval: Approval, usedBy?: string): void
  close(): void
}

export interface WebhookOptions {
  settings(): ApprovalSettings
  /** Epoch milliseconds. */
  now(): number
  /** What could not be told. */
  report(problem: string, error?: unknown): void
  /** The pause before the second try; every further one is twice as long. */
  readonly pauseMs?: number
}

/** Of which approval, and what is told of it. */
interface Waiting {
  readonly id: string
  readonly body: string
}

const maxWaiting = 256
const maxAtOnce = 4
const tries = 6
const answerMs = 5000

export function createWebhook({ settings, now, report, pauseMs = 1000 }: WebhookOptions): Webhook {
  const queue: Waiting[] = []
  const stopped = new AbortController()
  let sending = 0

  /** @throws if nobody took it */
  const send = async (body: string) => {
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
      signal: AbortSignal.any([stopped.signal, AbortSignal.timeout(answerMs)]),
    })
    await response.body?.cancel()
    if (!response.ok) throw new TypeError(`the webhook answers ${response.status}`)
  }

  const persist = async ({ id, body }: Waiting) => {
    for (let attempt = 0; !stopped.signal.aborted; attempt++) {
      try {
        return await send(body)
      } catch (error) {
        if (stopped.signal.aborted) return
        if (attempt + 1 >= tries) return report(`the webhook did not accept approval ${id}`, error)
      }
      // Cut short when it is closed; the loop sees that.
      await pause(pauseMs * 2 ** attempt, undefined, { ref: false, signal: stopped.signal }).catch(() => {})
    }
  }

  const work = () => {
    while (sending < maxAtOnce) {
      const next = queue.shift()
      if (next === undefined) return
      sending++
      void persist(next).finally(() => {
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

/** What a receiver compares `x-torwart-signature` with, behind `v1=`. */
export function signatureOf(secret: string, timestamp: string, body: string): string {
  return createHmac('sha256', secret).update(`${timestamp}.${body}`).digest('hex')
}
