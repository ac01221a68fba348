/** From where on the end of an unfinished text may become personal data with a form of its own: any word, any number. */
import { unitSet } from '../../core/code-units.ts'
import { isDigitUnit } from '../sensitive/number-runs.ts'

/** As long as an address's local part may be, with its host. */
const maxLocalLength = 64
const maxAddressLength = 320
const addressUnits = unitSet(/[\p{L}\p{M}\p{N}.!#$%&'*+/=?^_`{|}~@:-]/u)
/** Digits with what people put between them, and account numbers in their groups. */
const inNumber = /[\d ()./\u00a0\u2010-\u2013-]/
const maxNumberLength = 200
const accountAtEnd = /(?:^|[^A-Za-z0-9])([A-Za-z]{2}\d{1,2}(?:[ -]?[A-Za-z0-9]{1,4}){0,8}[ -]?)$/

/**
 * Numbers with letters before or within them: the two letters of a British one, the letter of a German pension's, a day
 * with its month; and the signs with which phone numbers begin.
 */
const mixedAtEnd =
  /(?:^|[^\p{L}\p{N}])([+(]{1,2}|[A-Z]{2}[ -]?(?:\d{1,2} ?){0,3}[A-Z]?|\d{2} ?\d{6} ?[A-Z] ?\d{0,3}|\d{1,2}[.,]?(?:st|nd|rd|th)? ?(?:of )?\p{L}{1,12}[.,]? ?\d{0,4})$/u

/** Resolves the place from which the text is to be held; its length if nothing has begun. */
export function holdPersonal(text: string): number {
  let start = text.length
  const first = Math.max(0, text.length - maxAddressLength)
  while (start > first && addressUnits[text.charCodeAt(start - 1)] === 1) start--
  if (text.indexOf('@', start) === -1) start = Math.max(start, text.length - maxLocalLength)
  const tail = text.slice(-256)
  const number = numberAtEnd(tail)
  if (number !== -1) start = Math.min(start, text.length - tail.length + firstOf(tail, number))
  const account = accountAtEnd.exec(text.slice(-48))
  if (account?.[1] !== undefined) start = Math.min(start, text.length - account[1].length)
  const mixed = mixedAtEnd.exec(text.slice(-48))
  if (mixed?.[1] !== undefined) start = Math.min(start, text.length - mixed[1].length)
  return start
}

/** Where a number begins that may go on behind the text's end, with the signs in front of it; -1 if there is none. */
function numberAtEnd(text: string): number {
  const first = Math.max(0, text.length - maxNumberLength - 1)
  let found = -1
  for (let at = text.length - 1; at >= first && inNumber.test(text.charAt(at)); at--)
    if (isDigitUnit(text.charCodeAt(at))) found = at
  while (found > 0 && (text.charAt(found - 1) === '+' || text.charAt(found - 1) === '(')) found--
  return found
}

/** That looks only so far back: on to the first of the digits. */
function firstOf(text: string, index: number): number {
  let at = index
  while (at > 0 && /[\d ()./\u00a0\u2010-\u2013+-]/.test(text.charAt(at - 1))) at--
  while (at < index && text.charAt(at) === ' ') at++
  return at
}
