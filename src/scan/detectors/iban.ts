/** International bank account numbers (ISO 13616): the length of their country and check digits that hold. */
import validator from 'validator'
import { numberDetector } from './detector.ts'

/** In one piece; Malta and Saint Lucia have letters in between. */
const fewestDigits = 7
const candidate =
  /(?<![A-Za-z0-9])[A-Za-z]{2}\d{2}(?:[A-Za-z0-9]{11,30}|(?:[ -][A-Za-z0-9]{4}){2,7}(?:[ -][A-Za-z0-9]{1,4})?)(?![A-Za-z0-9])/g

export const iban = numberDetector('iban', fewestDigits, candidate, (match) => {
  let text = match[0]
  // A word behind the number may look like its last group; leave groups out from the end until it fits.
  while (text.length >= 15) {
    if (validator.isIBAN(text.replaceAll(/[ -]/g, '')))
      return { start: match.index, end: match.index + text.length }
    const cut = Math.max(text.lastIndexOf(' '), text.lastIndexOf('-'))
    if (cut === -1) return undefined
    text = text.slice(0, cut)
  }
  return undefined
})
