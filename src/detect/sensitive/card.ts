/**
 * Payment card numbers: a number in an issuer's range, of the length it has there, whose check digit holds.
 * Ranges and lengths that other numbers share (bar codes, ids) count only where a word says that it is a card.
 */
import { luhn } from './check-digits.ts'
import { type Detector, digits, type Sample } from './detector.ts'
import {
  type Grouped,
  groupedNumbers,
  isInTable,
  maxBetween,
  type NumberRun,
  shapeOf,
} from './number-runs.ts'

const lengths = [19, 18, 17, 16, 15, 14, 13, 12]

/** By ISO/IEC 7812 issuer number: Visa, Mastercard, Amex, Discover, Diners, JCB, UnionPay, Mir, Maestro, UATP, others. */
const issued =
  /^(?:4(?:\d{15}|\d{18})|5[1-5]\d{14}|2(?:2[2-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}|3[47]\d{13}|6(?:011|4[4-9]\d|5\d\d|2\d\d)\d{12,15}|3(?:0[0-5]\d|095|[689]\d\d)\d{10}(?:\d\d)?|35(?:2[89]|[3-8]\d)\d{12}|(?:1800|2131)\d{11}|220[0-4]\d{12,15}|(?:5018|5019|5020|5038|5893|6304|6759|676[1-3])(?:\d{8}|\d{12}(?:\d{3})?)|0604\d{8}|50\d{14}|6[037]\d{14}|8[12]\d{14}|9792\d{12}|1\d{14})$/
/** The same networks, in lengths they have given up or hardly use. */
const rare = /^(?:4\d{12}|35\d{14}|(?:5[06-8]|6)\d{10,17})$/
const named =
  /(?:card|credit|debit|visa|master|maestro|amex|diners|\bcc\b|\bpan\b|karte|carte|tarjeta|carta)[^\d\n]{0,40}$/i

/** Words behind which a number is another one, however it looks. */
const otherwise =
  /(?:\bid|\b(?:trace|span|req(?:uest)?|blk|block|job|task|seq|offset|pid|uid|time|timestamp|ean|isbn|imei|order|invoice))[\w ]{0,3}["']?[ #=:_-]{1,3}["']?$/i
/** How cards are printed, one sign between all groups. */
const printed = /^(?:\d\d|4-4-4|4-4-4-[1-4](?:-[1-3])?|4-6-[45]|6-1[0-3])$/

/** Finds payment card numbers. */
export const card: Detector = {
  type: 'card',
  triggers: digits,
  maxLength: 19 + maxBetween,
  // Cards are printed in groups of three digits and more.
  find(sample) {
    return sample.numberRuns.flatMap((run) =>
      groupedNumbers(sample.text, run, lengths, 3, (number) => isCard(number, sample, run)),
    )
  },
}

function isCard(number: Grouped, sample: Sample, run: NumberRun): boolean {
  const { digits: value, start } = number
  if (!luhn(value) || /^(\d)\1+$/.test(value)) return false
  const isIssued = issued.test(value)
  if (!isIssued && !rare.test(value)) return false
  const before = sample.before(start)
  if (named.test(before)) return true
  return (
    isIssued &&
    printed.test(shapeOf(sample.text, number)) &&
    !isInTable(sample.text, run, number) &&
    !otherwise.test(before)
  )
}
