/**
 * Passwords with blanks in them, in quotes behind a name: `password: "correct horse battery"`. What a program says about
 * passwords stands there as well (`password: "Forgot your password?"`), so that words alone count only if none of them
 * belongs to such a sentence.
 */
import { type Detector, maxOpenLength, placedDetector } from './detector.ts'
import { isPassphrase } from './judge.ts'
import { assigned, closing, ordinal, passwordEnding, passwordWords, shortWords } from './named-secrets.ts'

const maxValueLength = 128
const leads: readonly (readonly [triggers: readonly string[], source: string])[] = [
  [passwordWords, `${passwordEnding}${ordinal}${closing}(?:${assigned})`],
  [shortWords, `(?<=(?:^|[^A-Za-z])(?:${shortWords.join('|')}))${ordinal}${closing}(?:${assigned})`],
]
const value = `(?:"(?<double>[^"\\\\\\n]{8,${maxValueLength}})(?="|$)|'(?<single>[^'\\\\\\n]{8,${maxValueLength}})(?='|$))`
/** A name, a sign and the quote behind them. */
const named = new RegExp(
  `(?:${leads.map(([triggers, source]) => `(?:${triggers.join('|')})${source}`).join('|')})\\\\{0,3}["']$`,
  'i',
)
/** Units in front of a quote in which the name stands. */
const maxLeadLength = 64

/** Finds passwords of several words. */
export const passphrases: readonly Detector[] = leads.map(([triggers, source], index) => ({
  ...placedDetector({
    type: 'secret',
    maxLength: maxValueLength,
    triggers,
    pattern: new RegExp(source + value, 'iy'),
    accept(match) {
      const { double, single } = match.groups ?? {}
      const found = double ?? single ?? ''
      const end = match.index + match[0].length
      return isPassphrase(found) ? { start: end - found.length, end } : undefined
    },
  }),
  // One of them asks for all.
  ...(index === 0 ? { hold: holdPassphrase } : {}),
}))

/** A quote that is open behind the name of a password. */
function holdPassphrase(text: string): number {
  for (const quote of ['"', "'"]) {
    const at = text.lastIndexOf(quote)
    if (at === -1 || text.length - at > Math.min(maxValueLength + 2, maxOpenLength)) continue
    if (!/[:=>(,\s\\]/.test(text.charAt(at - 1)) || text.includes('\n', at)) continue
    if (named.test(text.slice(Math.max(0, at - maxLeadLength), at + 1))) return at + 1
  }
  return text.length
}
