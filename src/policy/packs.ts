/**
 * The signature packs: those that ship with the gate, and those of operators, told of every mistake with its place and
 * tried on their own examples.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { isNode, LineCounter, parse, parseDocument } from 'yaml'
import type { Finding } from '../core/text.ts'
import type { WordClasses } from '../detect/injection/phrase.ts'
import { createScanner } from '../detect/injection/scanner.ts'
import { compilePack, type PackSource, type Signature } from '../detect/injection/signature.ts'
import type { Problem } from './problem.ts'

const folder = new URL('../detect/injection/packs/', import.meta.url)
const wordsFile = 'words.yaml'
const textOf = (file: string) => readFileSync(new URL(file, folder), 'utf8')
const packFiles = () =>
  readdirSync(folder)
    .filter((file) => file.endsWith('.yaml') && file !== wordsFile)
    .sort()
/** Made of those files by the build, because parsing YAML is what takes longest at a start. */
const built = new URL('packs.json', folder)

interface PackSources {
  readonly words: WordClasses
  readonly packs: readonly unknown[]
}

/** Words that every pack may use; an operator's pack needs them, and not what else ships. */
const commonWords = (): WordClasses => (parse(textOf(wordsFile)) as Pick<PackSource, 'words'>).words ?? {}

/** What ships, as it stands in its files; for where there are no files. */
export function packSources(): PackSources {
  if (existsSync(built)) return JSON.parse(readFileSync(built, 'utf8')) as PackSources
  return { words: commonWords(), packs: packFiles().map((file) => parse(textOf(file)) as unknown) }
}

let shipped: readonly Signature[] | undefined

/**
 * Returns the signatures that ship with the gate. They are read once per process: its own files do not change while it runs.
 * @throws SyntaxError naming the place and what is wrong there
 */
export function loadPacks(): readonly Signature[] {
  shipped ??= readPacks()
  return shipped
}

function readPacks(): readonly Signature[] {
  const { words, packs } = packSources()
  const signatures = packs.flatMap((source) => {
    const pack = compilePack(source, words)
    const [first] = pack.mistakes
    if (first) throw new SyntaxError(`in a shipped signature pack, ${first.path.join('.')}: ${first.message}`)
    return pack.signatures
  })
  const ids = new Set(signatures.map(({ id }) => id))
  if (ids.size !== signatures.length) throw new SyntaxError('an id occurs twice in the signature packs')
  return signatures
}

/** The ids of what ships, without compiling it. */
export function shippedIds(): readonly string[] {
  return packFiles().flatMap((file) =>
    Array.from(textOf(file).matchAll(/^ {2}- id: (\S+)$/gm), ([, id = '']) => id),
  )
}

/** A pack that was read. */
interface ReadPack {
  readonly signatures: readonly Signature[]
  /** The pack as in its file; undefined: that is no YAML. */
  readonly source: unknown
  readonly problems: readonly Problem[]
}

/**
 * A pack of an operator's.
 * @param taken ids that other packs have
 * @returns its signatures and what they were read from, or every mistake in it
 */
export function readPack(file: string, text: string, taken: ReadonlySet<string>): ReadPack {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, version: '1.2', prettyErrors: false })
  const problems: Problem[] = []
  const report = (offset: number, message: string) => {
    const { line, col } = lines.linePos(offset)
    problems.push({ file, line: Math.max(line, 1), column: Math.max(col, 1), message, severity: 'error' })
  }
  for (const { pos, message } of document.errors) report(pos[0], message)
  if (problems.length > 0) return { signatures: [], source: undefined, problems }
  const place = (path: readonly (string | number)[]): number => {
    for (let depth = path.length; depth > 0; depth--) {
      const node: unknown = document.getIn(path.slice(0, depth), true)
      if (isNode(node) && node.range) return node.range[0]
    }
    return 0
  }
  const source: unknown = document.toJS()
  const { signatures, mistakes } = compilePack(source, commonWords())
  for (const { path, message } of mistakes) report(place(path), message)
  if (problems.length > 0) return { signatures: [], source, problems }
  for (const [index, { id }] of signatures.entries())
    if (taken.has(id))
      report(place(['signatures', index, 'id']), `the id ${id} is already used by another pack`)
  for (const { path, message } of failedExamples(signatures)) report(place(path), message)
  return { signatures, source, problems }
}

function failedExamples(signatures: readonly Signature[]) {
  const scanner = createScanner(signatures)
  return signatures.flatMap(({ id, channels, catches, leaves }, index) => {
    const [channel = 'user'] = channels
    const isFound = (text: string) =>
      scanner.scan(text, channel).some((finding: Finding) => finding.id === id)
    const path = (key: string, example: number) => ['signatures', index, key, example]
    return [
      ...catches.flatMap((text, example) =>
        isFound(text)
          ? []
          : [{ path: path('catches', example), message: `${id} does not match this example` }],
      ),
      ...leaves.flatMap((text, example) =>
        isFound(text)
          ? [{ path: path('leaves', example), message: `${id} matches this example, and should not` }]
          : [],
      ),
    ]
  })
}
