/** Every detector: a new one is a file and a line here. Where spans overlap, an earlier one names it. */
import { usItin, usSsn } from './american-ids.ts'
import { card } from './card.ts'
import { cryptoAddress } from './crypto.ts'
import type { Detector } from './detector.ts'
import { birthDate, driversLicence, passport } from './documents.ts'
import { email } from './email.ts'
import { ahv, codiceFiscale, corsicanNir, dni, dniGrouped, nhs, nino, nir, vatId } from './european-ids.ts'
import { germanDocument, germanHealth, germanPension, germanTaxId, germanTaxNumber } from './german-ids.ts'
import { iban } from './iban.ts'
import { ipv4, ipv6, mac } from './ip.ts'
import {
  announcedPassword,
  authorization,
  bundlerHost,
  commandLineUser,
  commandPassword,
  cookie,
  namedKey,
  namedPassword,
  namedPat,
  namedSecret,
  shortNamedPassword,
  spokenKey,
} from './named-secrets.ts'
import { nationalIds } from './national-ids.ts'
import { passphrases } from './passphrases.ts'
import { phone } from './phone.ts'
import { postalAddresses } from './postal-address.ts'
import { privateKey, privateKeyTail, puttyKey } from './private-key.ts'
import { jwt, longToken } from './tokens.ts'
import { urlPassword } from './url-passwords.ts'
import { markedKey, vendorKey } from './vendor-keys.ts'

/** All of them, in the order in which they name what several find. */
export const detectors: readonly Detector[] = [
  privateKey,
  privateKeyTail,
  puttyKey,
  jwt,
  longToken,
  vendorKey,
  markedKey,
  urlPassword,
  namedPassword,
  ...passphrases,
  announcedPassword,
  shortNamedPassword,
  namedSecret,
  namedKey,
  namedPat,
  spokenKey,
  commandPassword,
  bundlerHost,
  authorization,
  commandLineUser,
  cookie,
  email,
  iban,
  card,
  birthDate,
  ...nationalIds,
  ipv4,
  ipv6,
  mac,
  ahv,
  nir,
  corsicanNir,
  codiceFiscale,
  dni,
  dniGrouped,
  nino,
  germanTaxId,
  germanPension,
  germanHealth,
  usSsn,
  usItin,
  germanTaxNumber,
  vatId,
  cryptoAddress,
  passport,
  driversLicence,
  nhs,
  germanDocument,
  ...postalAddresses,
  phone,
]
