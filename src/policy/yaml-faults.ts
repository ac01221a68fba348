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

/** An error in a YAML text. */
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
  'a second YAML document starts here (after `---` or `...`): a policy is one document, so remove the separator'

/** By the parser's code; `sign` is what stands at the place. */
const words: Readonly<Record<string, (sign: string) => string>> = {
  TAB_AS_INDENT: () => 'a tab is used for indentation: indent with spaces',
  BAD_DQ_ESCAPE: () =>
    'a backslash in double quotes must be doubled (`\\\\`); in single quotes one is enough',
  BAD_SCALAR_START: (sign) => `a value cannot start with \`${sign}\`: quote the whole value`,
  BLOCK_AS_IMPLICIT_KEY: () =>
    'this line has a second key in its value: move it to its own line, or quote a value that contains a colon',
  MULTILINE_IMPLICIT_KEY: () => 'a key must be on one line',
  NON_STRING_KEY: () => 'a key must be a string',
}

function wordsFor(
  { code, message, pos }: YAMLError,
  text: string,
  lineAt: (offset: number) => number,
): string {
  const sign = text[pos[0]] ?? ''
  const line = text.split('\n')[lineAt(pos[0]) - 1] ?? ''
  if (/\{.*[^"'$]\$\{/.test(line)) return `within { } a value with a variable must be quoted: "\${VAR}"`
  const known = words[code]
  if (known) return known(sign)
  const [first = ''] = message.split('\n', 1)
  if (code === 'BAD_INDENT') return indentFault(first)
  if (code === 'MISSING_CHAR')
    return /quote/.test(first) ? `a quoted string ${openEnd}` : 'a `:` is missing after a key'
  if (code === 'UNEXPECTED_TOKEN') return tokenFault(first, sign)
  return first
}

function indentFault(message: string): string {
  if (/sequence/.test(message) && /\]/.test(message)) return `a list that starts with \`[\` ${openEnd}`
  if (/\}/.test(message)) return `a mapping that starts with \`{\` ${openEnd}`
  return 'the indentation of this line differs from its siblings: they must start in the same column'
}

function tokenFault(message: string, sign: string): string {
  if (/block-seq-ind/.test(message))
    return 'a list item (`- `) cannot be on the line of its key: start a new line'
  if (/node end/.test(message)) return 'there is text after the end of a value: quote the whole value'
  if (/header/.test(message))
    return `nothing may follow \`${sign}\`: start the text on the next line, indented`
  return `unexpected \`${sign}\``
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
          faults.push({ offset, message: 'a key must be a string', breaks: false })
          return false
        }
        const name = String(key.value)
        const before = seen.get(name)
        if (before === undefined) {
          seen.set(name, offset)
          return true
        }
        const message = `duplicate key \`${name}\`, first defined in line ${lineAt(before)}: merge the two`
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
          ? `a leading \`*\` is a YAML alias: quote the value, as in "*${alias.source}"`
          : `the alias \`*${alias.source}\` is inside its own anchor`
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
      message: 'a leading `!` is a YAML tag: quote the value, or remove the `!`',
      breaks: false,
    }))
}

function offsetOf(node: unknown): number {
  const range = isScalar(node) || isCollection(node) || isAlias(node) ? node.range : undefined
  return range?.[0] ?? 0
}
