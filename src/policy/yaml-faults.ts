/** What is wrong with a YAML text, in an operator's words: the cause, and what to write instead. */
import {
  type Document,
  isAlias,
  isCollection,
  isScalar,
  type LineCounter,
  Scalar,
  visit,
  type YAMLError,
} from 'yaml'

export interface YamlFault {
  readonly offset: number
  readonly message: string
  /** Whether everything behind it may have been misread. */
  readonly breaks: boolean
}

/**
 * Finds what the parser reports and what it lets pass. Aliases that lead nowhere become the text that was meant.
 * @returns of errors that break the rest only the first: the others mostly follow from it
 */
export function yamlFaults(document: Document, text: string, lines: LineCounter): readonly YamlFault[] {
  const lineAt = (offset: number) => lines.linePos(offset).line
  const faults = [...oddKeys(document, lineAt), ...oddAliases(document), ...oddTags(document)]
  const reported = document.errors.filter(({ code }) => code !== 'BAD_ALIAS')
  const several = reported.find(({ code }) => code === 'MULTIPLE_DOCS')
  if (several) faults.push({ offset: several.pos[0], message: severalDocuments, breaks: false })
  const first = reported.find(({ code }) => code !== 'MULTIPLE_DOCS')
  if (first) {
    const message = wordsFor(first, text, lineAt)
    const offset = message.endsWith(openEnd) ? openedAt(document, text, first.pos[0]) : first.pos[0]
    faults.push({ offset, message, breaks: true })
  }
  return faults
}

const severalDocuments =
  'a second YAML document begins here (`---` or `...` above): a policy is one document, so take the divider out'

/** By the parser's code; `sign` is what stands at the place. */
const words: Readonly<Record<string, (sign: string) => string>> = {
  TAB_AS_INDENT: () => 'a tab stands where blanks are wanted: indent with blanks',
  BAD_DQ_ESCAPE: () =>
    'a backslash in double quotes must be doubled (`\\\\`); in single quotes it may stand alone',
  BAD_SCALAR_START: (sign) => `a value cannot begin with \`${sign}\`: put the whole value in quotes`,
  BLOCK_AS_IMPLICIT_KEY: () =>
    'a second key stands within this line’s value: give it a line of its own, or put a value with a colon in quotes',
  MULTILINE_IMPLICIT_KEY: () => 'a key must stand on one line',
  NON_STRING_KEY: () => 'a key must be a text',
}

function wordsFor(
  { code, message, pos }: YAMLError,
  text: string,
  lineAt: (offset: number) => number,
): string {
  const sign = text[pos[0]] ?? ''
  const line = text.split('\n')[lineAt(pos[0]) - 1] ?? ''
  if (/\{.*[^"'$]\$\{/.test(line))
    return `within { } a value with a variable must be put in quotes: "\${VAR}"`
  const known = words[code]
  if (known) return known(sign)
  const [first = ''] = message.split('\n', 1)
  if (code === 'BAD_INDENT') return indentFault(first)
  if (code === 'MISSING_CHAR')
    return /quote/.test(first) ? `a text in quotes ${openEnd}` : 'a `:` is missing behind a key'
  if (code === 'UNEXPECTED_TOKEN') return tokenFault(first, sign)
  return first
}

function indentFault(message: string): string {
  if (/sequence/.test(message) && /\]/.test(message)) return `a list that begins with \`[\` ${openEnd}`
  if (/\}/.test(message)) return `a mapping that begins with \`{\` ${openEnd}`
  return 'this line is indented otherwise than those beside it: what belongs together begins in the same column'
}

function tokenFault(message: string, sign: string): string {
  if (/block-seq-ind/.test(message))
    return 'an item (`- `) cannot stand on the line of its key: begin a new line'
  if (/node end/.test(message))
    return 'something stands behind a value that is over: put the whole value in quotes'
  if (/header/.test(message))
    return `nothing may stand behind \`${sign}\`: begin the text on the next line, indented`
  return `\`${sign}\` is not expected here`
}

/** Of keys that stand twice the first is kept, so that the value and its place are those of the same. */
function oddKeys(document: Document, lineAt: (offset: number) => number): YamlFault[] {
  const faults: YamlFault[] = []
  visit(document, {
    Map(_key, map) {
      const seen = new Map<string, number>()
      map.items = map.items.filter(({ key }) => {
        const offset = offsetOf(key)
        if (!isScalar(key) || key.value === null) {
          faults.push({ offset, message: 'a key must be a text', breaks: false })
          return false
        }
        const name = String(key.value)
        const before = seen.get(name)
        if (before === undefined) {
          seen.set(name, offset)
          return true
        }
        const message = `\`${name}\` stands twice, first in line ${lineAt(before)}: put both together`
        faults.push({ offset, message, breaks: false })
        return false
      })
    },
  })
  return faults
}

/** An anchor that holds its own alias would have no end; what has no anchor was most often meant as a text. */
function oddAliases(document: Document): YamlFault[] {
  const faults: YamlFault[] = []
  visit(document, {
    Alias(_key, alias, above) {
      const offset = offsetOf(alias)
      const target = alias.source === '' ? undefined : alias.resolve(document)
      if (target !== undefined && !above.some((node) => node === target)) return undefined
      const message =
        target === undefined
          ? `a \`*\` at the beginning stands for an alias of YAML: put the value in quotes, as in "*${alias.source}"`
          : `\`*${alias.source}\` stands within what it repeats`
      faults.push({ offset, message, breaks: false })
      const text = new Scalar(`*${alias.source}`)
      if (alias.range) text.range = alias.range
      return text
    },
  })
  return faults
}

const openEnd = 'is not closed'

/** The parser tells where it noticed; an operator looks for where it began. */
function openedAt(document: Document, text: string, noticed: number): number {
  let opened = noticed
  visit(document, {
    Node(_key, node) {
      const [start = 0, end = 0] = ('range' in node && node.range) || []
      const [first = ''] = text.slice(start)
      const closing = { '[': ']', '{': '}', '"': '"', "'": "'" }[first]
      if (closing === undefined || start >= noticed) return
      if (end - start < 2 || text[end - 1] !== closing) opened = start
    },
  })
  return opened
}

function oddTags(document: Document): YamlFault[] {
  return document.warnings
    .filter(({ code }) => code === 'TAG_RESOLVE_FAILED')
    .map(({ pos }) => ({
      offset: pos[0],
      message: 'a `!` at the beginning stands for a type of YAML: put the value in quotes, or take it out',
      breaks: false,
    }))
}

function offsetOf(node: unknown): number {
  const range = isScalar(node) || isCollection(node) || isAlias(node) ? node.range : undefined
  return range?.[0] ?? 0
}
