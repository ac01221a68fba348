/**
 * Numbers that states give to people and that only a word in front tells from others: each behind its name, in the form it
 * is written in, with check digits that hold where it has any. Not: the same numbers without their name.
 */
import validator from 'validator'
import { luhn, weighted } from './check-digits.ts'
import { anyCase, type Detector, placedDetector } from './detector.ts'

/** What may stand between the name and the number: the rest of a word, four short ones, signs. */
const soon = '[^\\d\\n]{0,4}(?:[\\p{L}\'’.-]{1,14}[ \\t:=#,"()/]{1,3}){0,4}?["\'(]{0,2}'

interface National {
  readonly type: string
  readonly names: readonly string[]
  /** Source of the number, at most 20 units. */
  readonly form: string
  /** @param compact without blanks, points, strokes and hyphens, in capitals */
  holds(compact: string): boolean
}

function national({ type, names, form, holds }: National): Detector {
  const short = names.map((name) => name.replaceAll('.', '\\.')).join('|')
  return placedDetector({
    type,
    maxLength: 20,
    triggers: names,
    pattern: new RegExp(
      `(?<=(?<![\\p{L}\\d])(?:${short}))${soon}(?<![\\p{L}\\p{N}])(?<value>${form})(?![\\p{L}\\p{N}]|[-.]\\d)`,
      'uy',
    ),
    accept(match) {
      const value = match.groups?.value ?? ''
      if (!holds(value.replaceAll(/[ ./-]/g, '').toUpperCase())) return undefined
      const end = match.index + match[0].length
      return { start: end - value.length, end }
    },
  })
}

const nine = '\\d{3}[ .-]?\\d{3}[ .-]?\\d{3}|\\d{4}[ .]\\d{2}[ .]\\d{3}'
const isOfOneDigit = (digits: string) => /^(\d)\1+$/.test(digits)
const weightsOf = (...weights: number[]) => weights

/** Day and month, as the first or the last of six digits of a date of birth. */
function isBirthday(day: string, month: string): boolean {
  return Number(day) >= 1 && Number(day) <= 31 && Number(month) >= 1 && Number(month) <= 12
}

const hetuLetters = '0123456789ABCDEFHJKLMNPRSTUVWXY'

function turkish(digits: string): boolean {
  const [a, b, c, d, e, f, g, h, i, tenth, last] = [...digits].map(Number) as [number, ...number[]]
  const odd = a + (c ?? 0) + (e ?? 0) + (g ?? 0) + (i ?? 0)
  const even = (b ?? 0) + (d ?? 0) + (f ?? 0) + (h ?? 0)
  return a > 0 && (odd * 7 - even + 100) % 10 === tenth && (odd + even + (tenth ?? 0)) % 10 === last
}

function singaporean(code: string): boolean {
  const lead = code.charAt(0)
  const sum = weighted(code.slice(1, 8), [2, 7, 6, 5, 4, 3, 2])
  if (lead === 'M') return 'KLJNPQRTUWX'.charAt(10 - ((sum + 3) % 11)) === code.at(-1)
  const letters = lead === 'S' || lead === 'T' ? 'JZIHGFEDCBA' : 'XWUTRQPNMLK'
  return letters.charAt((sum + (lead === 'T' || lead === 'G' ? 4 : 0)) % 11) === code.at(-1)
}

const kinds: readonly National[] = [
  // The Netherlands: the last digit counts minus one.
  {
    type: 'bsn',
    names: ['BSN', ...anyCase('bsn', 'burgerservicenummer', 'sofinummer')],
    form: `${nine}|\\d{4}[ .]\\d{5}`,
    holds: (digits) =>
      !isOfOneDigit(digits) && weighted(digits, weightsOf(9, 8, 7, 6, 5, 4, 3, 2, 10)) % 11 === 0,
  },
  {
    type: 'pesel',
    names: anyCase('pesel'),
    form: '\\d{11}',
    holds: (digits) => validator.isIdentityCard(digits, 'PL'),
  },
  {
    type: 'cpf',
    names: anyCase('cpf', 'cnpj'),
    form: '\\d{3}\\.?\\d{3}\\.?\\d{3}[-/ ]?\\d{2}|\\d{2}\\.?\\d{3}\\.?\\d{3}/?\\d{4}-?\\d{2}',
    holds: (digits) => validator.isTaxID(digits, 'pt-BR'),
  },
  {
    type: 'tckn',
    names: ['TCKN', 'T.C.', 'TC ', 'TC:', ...anyCase('kimlik')],
    form: '[1-9]\\d{10}|[1-9]\\d{2} \\d{3} \\d{3} \\d{2}',
    holds: turkish,
  },
  {
    type: 'nric',
    names: ['NRIC', 'FIN ', 'FIN:', 'nric'],
    form: '[STFGMstfgm]\\d{7}[A-Za-z]',
    holds: singaporean,
  },
  // South Korea: since October 2020 without a check digit.
  {
    type: 'rrn',
    names: ['RRN', ...anyCase('resident registration', 'resident number'), '주민등록번호', '주민번호'],
    form: '\\d{6}-?[1-8]\\d{6}',
    holds: (digits) => isBirthday(digits.slice(4, 6), digits.slice(2, 4)),
  },
  {
    type: 'nif',
    names: ['NIF', 'NIPC', ...anyCase('contribuinte')],
    form: nine,
    holds: (digits) => validator.isTaxID(digits, 'pt-PT'),
  },
  {
    type: 'personnummer',
    names: anyCase('personnummer', 'personnr', 'samordningsnummer', 'swedish personal'),
    form: '(?:19|20)?\\d{6}[-+ ]?\\d{4}',
    holds: (digits) => luhn(digits.replace('+', '').slice(-10)),
  },
  {
    type: 'hetu',
    names: [...anyCase('hetu', 'henkilötunnus'), 'Finnish personal'],
    form: '\\d{6}[-+A-FU-Ya-fu-y]\\d{3}[0-9A-Za-z]',
    holds(code) {
      const digits = code.slice(0, 6) + code.slice(-4, -1)
      return hetuLetters.charAt(Number(digits) % 31) === code.at(-1)
    },
  },
  // Denmark: since 2007 without a check digit.
  {
    type: 'cpr',
    names: ['CPR', ...anyCase('cpr-nummer', 'cpr-nr', 'personnummer (dk)')],
    form: '\\d{6}[- ]?\\d{4}',
    holds: (digits) => isBirthday(digits.slice(0, 2), digits.slice(2, 4)),
  },
  {
    type: 'aadhaar',
    names: [...anyCase('aadhaar', 'aadhar', 'uidai'), 'UID'],
    form: '[2-9]\\d{3}[ -]?\\d{4}[ -]?\\d{4}',
    holds: (digits) => validator.isIdentityCard(digits, 'IN'),
  },
  {
    type: 'sin',
    names: ['SIN', ...anyCase('social insurance n'), 'NAS'],
    form: nine,
    holds: (digits) => !isOfOneDigit(digits) && luhn(digits),
  },
  {
    type: 'tfn',
    names: ['TFN', ...anyCase('tax file n')],
    form: nine,
    holds: (digits) =>
      !isOfOneDigit(digits) && weighted(digits, weightsOf(1, 4, 3, 7, 5, 8, 6, 9, 10)) % 11 === 0,
  },
  {
    type: 'fodselsnummer',
    names: anyCase('fødselsnummer', 'fodselsnummer', 'fødselsnr'),
    form: '\\d{6}[ -]?\\d{5}',
    holds: (digits) => validator.isIdentityCard(digits, 'NO'),
  },
  // Physicians and practices in Germany: the KBV gives them out, and not all of them with a check digit.
  {
    type: 'lanr',
    names: ['LANR', 'BSNR', ...anyCase('arztnummer', 'betriebsstättennummer')],
    form: '\\d{9}|\\d{7} \\d{2}',
    holds: (digits) => !isOfOneDigit(digits),
  },
]

/** Finds national numbers behind their names. */
export const nationalIds: readonly Detector[] = kinds.map(national)
