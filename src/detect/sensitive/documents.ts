/**
 * What only a word in front tells from other numbers: passports, driving licences, dates of birth. The value has to
 * follow within a few words.
 */
import { anyCase, placedDetector } from './detector.ts'

/** From the word on: up to four more words without digits, then the value. */
const soon = '\\p{L}{0,8}[^\\p{L}\\d\\n]{0,4}(?:[\\p{L}\'’-]{1,14}[ \\t:=#.,"]{1,3}){0,4}?["\'(]{0,2}'
const after = (value: string) =>
  new RegExp(`${soon}(?<![\\p{L}\\p{N}])(?<value>${value})(?![\\p{L}\\p{N}-])`, 'uy')

/** Finds passport numbers behind their name. */
export const passport = placedDetector({
  type: 'passport',
  triggers: [...anyCase('passport', 'reisepass', 'passnummer', 'passeport', 'pasaporte', 'travel document')],
  maxLength: 12,
  pattern: after('[A-Za-z]{0,2}\\d{6,9}[A-Za-z]?'),
})

/** Finds numbers of driving licences behind their name. */
export const driversLicence = placedDetector({
  type: 'drivers-licence',
  triggers: [
    ...anyCase("driver's licen", 'drivers licen', 'driver licen', 'driving licen', 'driver’s licen'),
    ...anyCase('führerschein', 'permis de conduire'),
  ],
  maxLength: 20,
  pattern: after('[A-Za-z]{0,5}[\\d][\\dA-Za-z-]{4,14}'),
})

const months =
  '(?:jan|feb|m[aä]r|apr|may|mai|jun|jul|aug|sep|o[ck]t|nov|de[cz]|janv|f[eé]v|avr|juin|juil|ao[uû]t|ene|abr|ago|dic)\\p{L}{0,8}\\.?'
const date = [
  '\\d{1,2}[./-] ?\\d{1,2}[./-] ?(?:(?:19|20)\\d{2}|\\d{2})',
  '(?:19|20)\\d{2}[./-]\\d{1,2}[./-]\\d{1,2}',
  `\\d{1,2}(?:st|nd|rd|th)?[. -]{1,2}(?:of |de )?${months},?[ -](?:de )?(?:19|20)\\d{2}`,
  `${months} \\d{1,2}(?:st|nd|rd|th)?,? (?:19|20)\\d{2}`,
].join('|')

/** Finds dates of birth behind a word for them. */
export const birthDate = placedDetector({
  type: 'birth-date',
  triggers: [
    ...anyCase(
      'born',
      'birth',
      'dob',
      'd.o.b',
      'geboren',
      'geburt',
      'geb.',
      'née le',
      'né le',
      'naissance',
      'nacimiento',
    ),
    ...anyCase('nacid', 'nascita', 'nato il', 'nata il', 'birthday'),
  ],
  maxLength: 32,
  pattern: new RegExp(`${soon}(?<![\\p{L}\\p{N}])(?<value>${date})(?![\\p{L}\\p{N}])`, 'iuy'),
})
