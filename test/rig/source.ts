/** What `src` declares, read from its syntax tree: how long functions are, and what exported things say of themselves. */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join, relative } from 'node:path'
import { parseSync } from 'vite'

const src = new URL('../../src/', import.meta.url).pathname

export interface SourceFile {
  /** Below `src/`. */
  readonly path: string
  readonly text: string
}

export interface FunctionShape {
  /** `file name`, where the name is that of the variable, member or function. */
  readonly name: string
  /** Of code: neither blank nor a comment. */
  readonly lines: number
  readonly parameters: number
}

/** Every TypeScript file of `src`, with or without JSX. */
export const sourceFiles: readonly SourceFile[] = pathsBelow(src).map((path) => ({
  path: relative(src, path),
  text: readFileSync(path, 'utf8'),
}))

/** Every function, method and arrow function of a file. */
export function functionsOf(file: SourceFile): FunctionShape[] {
  const found: FunctionShape[] = []
  visit(programOf(file), '', (node, name) => {
    if (!isFunction(node)) return
    const lines = codeLines(file.text.slice(node.start, node.end))
    const parameters = Array.isArray(node.params) ? node.params.length : 0
    found.push({ name: `${file.path} ${nameOf(node) ?? name}`, lines, parameters })
  })
  return found
}

/** Names of exported declarations without a doc comment right before them. */
export function undocumentedOf(file: SourceFile): string[] {
  const statements = childrenOf(programOf(file)).filter(({ type }) => type === 'ExportNamedDeclaration')
  return statements.flatMap((statement) => {
    const [declaration] = childrenOf(statement).filter(({ type }) => /Declaration$/.test(type))
    if (!declaration || isDocumented(file.text, statement.start)) return []
    return [`${file.path} ${nameOf(declaration) ?? declaredName(declaration) ?? '?'}`]
  })
}

/** Lines with `as unknown as` and no comment above or beside them. */
export function unexplainedCastsOf({ path, text }: SourceFile): string[] {
  const lines = text.split('\n')
  return lines.flatMap((line, at) => {
    const explained = line.includes('//') || /^\s*(?:\/\/|\*)/.test(lines[at - 1] ?? '')
    return /\bas unknown as\b/.test(line) && !explained ? [`${path}:${at + 1}`] : []
  })
}

interface SyntaxNode {
  readonly type: string
  readonly start: number
  readonly end: number
  readonly [key: string]: unknown
}

function programOf({ path, text }: SourceFile): SyntaxNode {
  const { program, errors } = parseSync(path, text)
  if (errors.length > 0) throw new SyntaxError(`${path}: ${errors[0]?.message}`)
  if (!isNode(program)) throw new SyntaxError(`${path} has no program`)
  return program
}

function visit(node: SyntaxNode, name: string, see: (node: SyntaxNode, name: string) => void): void {
  see(node, name)
  const own = declaredName(node) ?? nameOf(node) ?? name
  for (const child of childrenOf(node)) visit(child, own, see)
}

function childrenOf(node: SyntaxNode): SyntaxNode[] {
  return Object.values(node).flat().filter(isNode)
}

function isNode(value: unknown): value is SyntaxNode {
  return typeof value === 'object' && value !== null && 'type' in value && 'start' in value
}

const isFunction = ({ type }: SyntaxNode): boolean =>
  type === 'FunctionDeclaration' || type === 'FunctionExpression' || type === 'ArrowFunctionExpression'

function nameOf({ id, key }: SyntaxNode): string | undefined {
  const named = isNode(id) ? id : isNode(key) ? key : undefined
  return typeof named?.name === 'string' ? named.name : undefined
}

function declaredName({ declarations }: SyntaxNode): string | undefined {
  const [first] = Array.isArray(declarations) ? declarations.filter(isNode) : []
  return first && nameOf(first)
}

/** The comment that opens a file is about the file, unless the declaration follows it at once. */
function isDocumented(text: string, start: number): boolean {
  const before = text.slice(0, start)
  if (!before.trimEnd().endsWith('*/')) return false
  const isFirst = /^(?:#!.*\n)?\s*$/.test(before.slice(0, before.lastIndexOf('/*')))
  return !isFirst || !before.endsWith('\n\n')
}

/** Lines that are neither blank nor a comment. */
function codeLines(text: string): number {
  return text.split('\n').filter((line) => !/^\s*(?:$|\/\/|\/?\*)/.test(line)).length
}

function pathsBelow(folder: string): string[] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name)
    if (statSync(path).isDirectory()) return pathsBelow(path)
    return /\.tsx?$/.test(path) ? [path] : []
  })
}
