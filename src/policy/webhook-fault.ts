/** Whether notifications may be sent to the URL of a webhook. */
import { isLoopback, isNear } from './address.ts'
import type { Path, Report } from './source.ts'
import { urlFault } from './url-fault.ts'

/** Reports a webhook that is not safe to call. @param path where the policy names it */
export function checkWebhook(
  webhook: { readonly url: string } | undefined,
  path: Path,
  report: Report,
): void {
  if (!webhook) return
  const fault = urlFault(webhook.url, { schemes: ['https:', 'http:'], isShown: false })
  if (fault !== undefined || !isSafe(webhook.url))
    report([...path, 'url'], fault ?? 'must be https, or http on a loopback or private address')
}

/** A name may be given another address any day, so without TLS only addresses will do. */
function isSafe(text: string): boolean {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || url.username + url.password !== '') return false
  const host = url.hostname.replace(/^\[|\]$/g, '')
  return url.protocol === 'https:' || (url.protocol === 'http:' && (isLoopback(host) || isNear(host)))
}
