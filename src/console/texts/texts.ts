/** The texts of the console in the language of the browser, or in the one that was chosen. */
import { de } from './de.ts'
import { en } from './en.ts'

/** The key of a text. */
export type TextKey = keyof typeof en

const tables: Readonly<Record<Language, Readonly<Record<TextKey, string>>>> = { en, de }
const stored = 'torwart.language'

/** A language of the console. */
export type Language = 'en' | 'de'

/** The languages, each with its own name for itself. */
export const languages: readonly (readonly [Language, string])[] = [
  ['en', 'English'],
  ['de', 'Deutsch'],
]

let current: Language = chosenLanguage()

/** Returns the language in use. */
export function language(): Language {
  return current
}

/** Changes the language, for this browser and for good. */
export function setLanguage(wanted: Language): void {
  current = wanted
  document.documentElement.lang = wanted
  localStorage.setItem(stored, wanted)
}

/** Returns a text, with `{name}` replaced by its value. */
export function t(key: TextKey, values: Readonly<Record<string, string | number>> = {}): string {
  return tables[current][key].replaceAll(/\{(\w+)\}/g, (whole, name: string) =>
    name in values ? String(values[name]) : whole,
  )
}

/** Returns the text of a key made from a word of the server, or that word where there is none. */
export function word(group: string, said: string): string {
  const key = `${group}.${said}`
  return isTextKey(key) ? t(key) : said
}

function isTextKey(key: string): key is TextKey {
  return Object.hasOwn(en, key)
}

function chosenLanguage(): Language {
  const wanted = localStorage.getItem(stored) ?? navigator.languages.find((each) => /^(en|de)\b/.test(each))
  const chosen: Language = wanted?.startsWith('de') ? 'de' : 'en'
  document.documentElement.lang = chosen
  return chosen
}
