/** The sentences that stand in the sources, found in their syntax trees: what the program may say, with what it fills in left out. */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join, relative } from 'node:path'
import { parseAst } from 'vitest/node'

/** What says it: a line of the log, a function that writes one, a refusal, a line on the terminal, or anything else. */
export type Speaker = 'log' | 'report' | 'refusal' | 'terminal' | 'other'

export interface SourceText {
  readonly text: string
  readonly speaker: Speaker
  /** The top folder of `src` that holds it. */
  readonly folder: string
}

export interface UnionType {
  readonly name: string
  readonly members: readonly string[]
}

interface Node {
  readonly type: string
  readonly [member: string]: unknown
}

const src = new URL('../../src/', import.meta.url).pathname

/** Every `.ts` file below `src`, as a path relative to it. */
export function sourceFiles(folder = src): string[] {
  return readdirSync(folder)
    .map((name) => join(folder, name))
    .flatMap((path) => {
      if (statSync(path).isDirectory()) return sourceFiles(path)
      return path.endsWith('.ts') ? [relative(src, path)] : []
    })
}

const trees = new Map<string, Node>()

function treeOf(file: string): Node {
  const known = trees.get(file)
  if (known) return known
  const tree: unknown = parseAst(readFileSync(join(src, file), 'utf8'), { lang: 'ts' })
  if (!isNode(tree)) throw new TypeError(`${file} has no syntax tree`)
  trees.set(file, tree)
  return tree
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string'
}

function childrenOf(node: Node): Node[] {
  return Object.values(node).flatMap((value) =>
    Array.isArray(value) ? value.filter(isNode) : isNode(value) ? [value] : [],
  )
}

/** A string, a template, or several of them added up; what the program fills in becomes `{}`. */
function textOf(node: Node): string | undefined {
  if (node.type === 'Literal') return typeof node.value === 'string' ? node.value : undefined
  if (node.type === 'TemplateLiteral') {
    const pieces = (node.quasis as { value: { cooked: string } }[]).map(({ value }) => value.cooked)
    return pieces.join('{}')
  }
  if (node.type !== 'BinaryExpression' || node.operator !== '+') return undefined
  const sides = [node.left, node.right].map((side) => (isNode(side) ? textOf(side) : undefined))
  return sides.every((side) => side === undefined) ? undefined : sides.map((side) => side ?? '{}').join('')
}

/** The name that is called, with its object: `log.warn`, `io.err`, `new Refusal`. */
function calleeOf(node: Node): string {
  if (node.type !== 'CallExpression' && node.type !== 'NewExpression') return ''
  const nameOf = (part: unknown): string => {
    if (!isNode(part)) return ''
    if (part.type === 'Identifier') return String(part.name)
    return part.type === 'MemberExpression' ? [part.object, part.property].map(nameOf).join('.') : ''
  }
  return nameOf(node.callee)
}

const speakers: readonly (readonly [RegExp, Speaker])[] = [
  [/(?:^|\.)log\.(?:trace|debug|info|warn|error|fatal)$/, 'log'],
  [/(?:^|\.)(?:report|once)$/, 'report'],
  [/^(?:Refusal|invalid|refuse)$/, 'refusal'],
  [/^(?:UsageError|io\.(?:out|err))$/, 'terminal'],
]

function speakerOf(node: Node): Speaker | undefined {
  const callee = calleeOf(node)
  return speakers.find(([pattern]) => pattern.test(callee))?.[1]
}

/** Two words at least, the first of which is one of a language and not of code. */
function isSentence(text: string): boolean {
  const words = text.replaceAll(/`[^`]*`|\{\}/g, '').match(/(?<![\w./<-])[A-Za-z]{2,}(?![\w/=>])/g) ?? []
  return words.length > 1 && /[a-z\d`}] [A-Za-z`{(]/.test(text) && !/^[<[|]|;$|=>|\]\{| = /.test(text)
}

function collect(node: Node, speaker: Speaker, found: { text: string; speaker: Speaker }[]): void {
  if (node.type === 'ImportDeclaration' || node.type === 'TaggedTemplateExpression') return
  if (node.type.startsWith('TS') && /Annotation|Alias|Interface|LiteralType/.test(node.type)) return
  // A list of words, written as one string.
  if (calleeOf(node).endsWith('split')) return
  const text = textOf(node)
  // The messages of the log are the only ones that may be a single word.
  if (text !== undefined && (isSentence(text) || (speaker === 'log' && /^[a-z]{4,}$/.test(text))))
    found.push({ text, speaker })
  if (text !== undefined && node.type === 'BinaryExpression') return
  for (const child of childrenOf(node)) collect(child, speakerOf(node) ?? speaker, found)
}

/** Every sentence in these files, each once for a speaker and a folder, in the order of the alphabet. */
export function sourceTexts(files: readonly string[]): readonly SourceText[] {
  const all = files.flatMap((file) => {
    const found: { text: string; speaker: Speaker }[] = []
    collect(treeOf(file), 'other', found)
    const folder = file.split('/')[0] ?? ''
    return found.map(({ text, speaker }) => ({ text, speaker, folder }))
  })
  const unique = new Map(all.map((each) => [JSON.stringify([each.folder, each.speaker, each.text]), each]))
  return [...unique.values()].sort((a, b) => (`${a.folder} ${a.text}` < `${b.folder} ${b.text}` ? -1 : 1))
}

/** The types of these files that are a choice of strings, by the end of their names. */
export function unionsNamed(pattern: RegExp, files: readonly string[]): readonly UnionType[] {
  const found: UnionType[] = []
  const visit = (node: Node): void => {
    if (node.type === 'TSTypeAliasDeclaration' && isNode(node.id) && pattern.test(String(node.id.name))) {
      const members = stringsIn(node.typeAnnotation)
      if (members.length > 0) found.push({ name: String(node.id.name), members })
    }
    for (const child of childrenOf(node)) visit(child)
  }
  for (const file of files) visit(treeOf(file))
  return found.sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** The strings of a choice, not those within its objects. */
function stringsIn(node: unknown): string[] {
  if (!isNode(node)) return []
  if (node.type === 'TSUnionType') return (node.types as unknown[]).flatMap(stringsIn)
  if (node.type !== 'TSLiteralType' || !isNode(node.literal)) return []
  return typeof node.literal.value === 'string' ? [node.literal.value] : []
}
