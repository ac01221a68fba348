/** Words with digits and signs for letters (`1gn0re`), which the scanner reads in place, without a reading of its own. */
import type { Finding } from '../../core/text.ts'
import { lettersMeant, standsInFor } from '../../detect/deobfuscate/leet.ts'
import type { ShownReading } from './shown.ts'

/** What is found by more than words, or by signs. */
const otherwise = new Set(['acts', 'delimiter', 'smuggling', 'overflow'])
const words = /[a-z0134578@$|!]*[a-z][a-z0134578@$|!]*/gi
const maxShown = 400

/** @param readings what showed other findings, which are left out */
export function foundInDigits(
  text: string,
  findings: readonly Finding[],
  readings: readonly { readonly found: readonly { readonly id: string }[] }[],
): ShownReading[] {
  const elsewhere = new Set(readings.flatMap(({ found }) => found.map(({ id }) => id)))
  const here = findings.filter(({ id, category, start, end }) => {
    if (elsewhere.has(id) || otherwise.has(category)) return false
    return end - start <= maxShown && standsInFor.test(text.slice(start, end))
  })
  if (here.length === 0) return []
  const undone = here.slice(0, 12).map(({ start, end }) => {
    const from = text.slice(start, end)
    return { start, end, name: 'digitsAsLetters' as const, from, to: asLetters(from) }
  })
  return [
    {
      names: ['digitsAsLetters'],
      text: undone.map(({ to }) => to).join(' … '),
      isCut: false,
      undone,
      more: here.length - undone.length,
      found: [...new Set(here.map(({ id }) => id))],
    },
  ]
}

function asLetters(text: string): string {
  return text.replaceAll(words, (word) => word.replaceAll(/[^a-z]/gi, (sign) => lettersMeant[sign] ?? sign))
}
