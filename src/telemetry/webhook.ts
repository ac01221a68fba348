/**
 * Delivers notifications to a chat tool or an incident system: one signed POST each, tried again with growing pauses, from
 * a queue with an end. Follows no redirect and reads no answer.
 */
import { createHmac } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'

/** Where notifications go, and the key that signs them. */
export interface WebhookTarget {
  readonly url: string
  readonly secret: string
}

/** Delivers notifications. */
export interface Webhook {
  /** Whether the policy names a receiver. */
  readonly wanted: boolean
  /**
   * Queues a notification, if the policy names a receiver.
   * @param about what it is about, for the log if it cannot be delivered: `approval ap_…`
   */
  tell(about: string, body: object): void
  /** Cuts off whatever is under way. */
  close(): void
}

/** What a webhook works with. */
export interface WebhookOptions {
  /** The receiver in force; undefined: none. */
  target(): WebhookTarget | undefined
  /** Epoch milliseconds. */
  now(): number
  /** Told what could not be delivered. */
  report(problem: string, error?: unknown): void
  /** The pause before the second try, in milliseconds; every further one is twice as long. */
  readonly pauseMs?: number
}

/** One message, and what it is about. */
interface Message {
  readonly about: string
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
  const { target, report } = options
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
    get wanted() {
      return target() !== undefined
    },
    tell(about, body) {
      if (!target()) return
      if (queue.length >= maxWaiting) return report(`the webhook is too slow; ${about} was not delivered`)
      queue.push({ about, body: JSON.stringify(body) })
      work()
    },
    close: () => stopped.abort(),
  }
}

/** Tries until somebody took it, the tries are used up, or `stopped`. Never rejects. */
async function deliver(
  { about, body }: Message,
  options: WebhookOptions,
  stopped: AbortSignal,
): Promise<void> {
  const { report, pauseMs = 1000 } = options
  for (let attempt = 0; !stopped.aborted; attempt++) {
    try {
      return await send(body, options, stopped)
    } catch (error) {
      if (stopped.aborted) return
      if (attempt + 1 >= tries) return report(`the webhook did not accept ${about}`, error)
    }
    // Cut short when it is closed; the loop sees that.
    await pause(pauseMs * 2 ** attempt, undefined, { ref: false, signal: stopped }).catch(() => {})
  }
}

/** @throws if the receiver did not take it */
async function send(body: string, { target, now }: WebhookOptions, stopped: AbortSignal): Promise<void> {
  const to = target()
  // Taken out of the policy meanwhile.
  if (!to) return
  const timestamp = `${Math.floor(now() / 1000)}`
  const response = await fetch(to.url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'user-agent': 'torwart',
      'x-torwart-timestamp': timestamp,
      'x-torwart-signature': `v1=${signatureOf(to.secret, timestamp, body)}`,
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
