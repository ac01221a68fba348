/** Every detector: a new one is a file and a line here. Where spans overlap, an earlier one names it. */
import { card } from './card.ts'
import type { Detector } from './detector.ts'
import { email } from './email.ts'
import { iban } from './iban.ts'
import { ipv4, ipv6 } from './ip.ts'
import { germanTaxId, usSsn, usSsnNamed } from './national-ids.ts'
import { phone } from './phone.ts'
import { jwt, namedSecret, privateKey, urlPassword, vendorKey } from './secrets.ts'

export const detectors: readonly Detector[] = [
  privateKey,
  jwt,
  vendorKey,
  urlPassword,
  namedSecret,
  email,
  iban,
  card,
  ipv4,
  ipv6,
  usSsn,
  usSsnNamed,
  germanTaxId,
  phone,
]
