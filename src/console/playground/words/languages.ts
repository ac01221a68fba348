/** The languages of the page. */
import { de } from './de.ts'
import { en } from './en.ts'
import type { Words } from './words.ts'

/** Code of a language. */
export type Language = 'en' | 'de'

/** The texts by language. */
export const languages: Readonly<Record<Language, Words>> = { en, de }

/** Picks the first language that somebody reads. */
export function preferred(wanted: readonly string[]): Language {
  for (const each of wanted) {
    const [code] = each.toLowerCase().split('-')
    if (code === 'de' || code === 'en') return code
  }
  return 'en'
}
