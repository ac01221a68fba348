/**
 * Regular expressions of operators, on an engine that takes time in proportion to text and expression whatever they
 * are (RE2JS, a port of RE2): what it cannot run so, such as references back and looking around, it does not know.
 */
import { RE2JS, RE2JSException } from 're2js'

/** A regular expression that runs in time proportional to the text. */
export interface Pattern {
  /** Places in order, not touching; at most as many as are asked for. */
  find(text: string, onFound: (start: number, end: number) => void): void
}

const maxLength = 1000
/** Instructions; each costs something for every unit of a text. */
const largest = 2000
/** Of one text: more tell nothing new. */
const max = 300

/** @throws SyntaxError saying what is wrong */
export function compilePattern(source: string): Pattern {
  if (source.length > maxLength) throw new SyntaxError(`is longer than ${maxLength} characters`)
  const compiled = compile(source)
  if (compiled.programSize() > largest) throw new SyntaxError('would take too long: repeat less')
  if (compiled.matches('')) throw new SyntaxError('matches nothing at all, and so everywhere')
  return {
    find(text, onFound) {
      const matcher = compiled.matcher(text)
      for (let found = 0; found < max && matcher.find(); found++)
        if (matcher.end() > matcher.start()) onFound(matcher.start(), matcher.end())
    },
  }
}

function compile(source: string) {
  try {
    return RE2JS.compile(source, RE2JS.CASE_INSENSITIVE)
  } catch (error) {
    if (!(error instanceof RE2JSException)) throw error
    throw new SyntaxError(
      `cannot be run in time proportional to the text, or is no regular expression of RE2: ${error.message}`,
    )
  }
}
