/** A receiver of signed notifications: of approvals, of anomalies. */
import { group, secret, text } from './types.ts'

/** Declares a webhook. @param description what it receives */
export function webhook(description: string) {
  return group(description, {
    url: text('https, or http on a loopback or private address.'),
    secret: secret(
      'Key of the signature: `x-torwart-signature` is `v1=` and the HMAC-SHA256, in hex, of `x-torwart-timestamp`, a dot and the body.',
    ),
  })
}
