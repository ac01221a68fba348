/**
 * A signature: what an attack says, where it came from in the field's own list, and texts that prove it.
 * Packs are data (`packs/*.yaml`, and operators' own files); this file says what may stand in one and makes it ready
 * to run. Every mistake is told with its place in the pack.
 */
import type { Severity } from '../../core/text.ts'
import { type Channel, channels, severities } from '../../core/text.ts'
import { compilePattern, type Pattern } from './pattern.ts'
import { parsePhrase, type Step, type WordClasses } from './phrase.ts'
import { foldText } from './units.ts'

/** A signature that is ready to run. */
export interface Signature {
  /** `family.what`, unique over all packs. */
  readonly id: string
  /** The family: the finding's category. */
  readonly category: string
  readonly severity: Severity
  /** ISO 639-1, or `any`. */
  readonly languages: readonly string[]
  /** In which channels it counts. */
  readonly channels: ReadonlySet<Channel>
  readonly phrases: readonly (readonly Step[])[]
  readonly patterns: readonly Pattern[]
  /** Words that turn it into its opposite if they stand directly before: "never reveal …". Folded. */
  readonly unlessAfter: readonly string[]
  /** Texts it must match, and texts it must not. */
  readonly catches: readonly string[]
  readonly leaves: readonly string[]
}

/** A pack as it stands in its file, once it is known to be one. */
export interface PackSource {
  readonly words?: WordClasses
  readonly signatures: readonly SignatureSource[]
}

/** A signature as it stands in its pack. */
export interface SignatureSource {
  readonly id: string
  readonly severity: Severity
  readonly languages: readonly string[]
  /** An entry of the OWASP list, such as `LLM01:2025`. */
  readonly owasp: string
  readonly channels?: readonly Channel[]
  readonly phrases?: readonly string[]
  /** Regular expressions, in RE2's syntax. Slower than phrases, and blind to accents. */
  readonly patterns?: readonly string[]
  /** A class of words. */
  readonly unlessAfter?: string
  readonly catches: readonly string[]
  readonly leaves: readonly string[]
}

/** What is wrong in a pack, and where. */
export interface Mistake {
  /** Keys and indices from the top of the pack. */
  readonly path: readonly (string | number)[]
  readonly message: string
}

/** What could be compiled of a pack, and what could not. */
export interface CompiledPack {
  readonly signatures: readonly Signature[]
  readonly mistakes: readonly Mistake[]
}

const known: Readonly<Record<string, 'text' | 'texts'>> = {
  id: 'text',
  severity: 'text',
  languages: 'texts',
  owasp: 'text',
  channels: 'texts',
  phrases: 'texts',
  patterns: 'texts',
  unlessAfter: 'text',
  catches: 'texts',
  leaves: 'texts',
}

/** @param common classes of words that every pack may use */
export function compilePack(pack: unknown, common: WordClasses = {}): CompiledPack {
  const mistakes: Mistake[] = []
  const fail = (path: Mistake['path'], message: string) => mistakes.push({ path, message })
  if (!isRecord(pack) || !Array.isArray(pack.signatures)) {
    fail([], 'a pack is a list `signatures`, with or without classes of `words` before it')
    return { signatures: [], mistakes }
  }
  for (const key of Object.keys(pack))
    if (key !== 'words' && key !== 'signatures') fail([key], `unknown key \`${key}\``)
  const words = { ...common, ...wordsOf(pack.words, fail) }
  const signatures: Signature[] = []
  const ids = new Set<string>()
  for (const [index, source] of pack.signatures.entries()) {
    const path = ['signatures', index]
    const before = mistakes.length
    checkShape(source, path, fail)
    if (mistakes.length > before) continue
    const signature = compileSignature(source as SignatureSource, words, path, fail)
    if (ids.has(signature.id)) fail([...path, 'id'], `the id ${signature.id} stands twice in this pack`)
    ids.add(signature.id)
    if (mistakes.length === before) signatures.push(signature)
  }
  return { signatures, mistakes }
}

type Fail = (path: Mistake['path'], message: string) => void

function wordsOf(words: unknown, fail: Fail): WordClasses {
  if (words === undefined) return {}
  if (isRecord(words) && Object.values(words).every(isTexts)) return words as WordClasses
  fail(['words'], 'must be classes, each a list of words')
  return {}
}

function checkShape(source: unknown, path: Mistake['path'], fail: Fail): void {
  if (!isRecord(source)) {
    fail(path, 'a signature is a mapping')
    return
  }
  for (const [key, value] of Object.entries(source)) {
    const shape = Object.hasOwn(known, key) ? known[key] : undefined
    if (!shape) fail([...path, key], `unknown key \`${key}\``)
    else if (shape === 'text' ? typeof value !== 'string' : !isTexts(value))
      fail([...path, key], `\`${key}\` must be ${shape === 'text' ? 'a text' : 'a list of texts'}`)
  }
}

function compileSignature(
  source: SignatureSource,
  words: WordClasses,
  path: Mistake['path'],
  fail: Fail,
): Signature {
  const at = (key: string) => (Object.hasOwn(source, key) ? [...path, key] : path)
  if (!/^[a-z-]+\.[a-z0-9-]+$/.test(source.id ?? '')) fail(at('id'), 'its id must be family.name')
  if (!severities.includes(source.severity)) fail(at('severity'), 'its severity must be low, medium or high')
  if (!/^LLM\d\d(:20\d\d)?$/.test(source.owasp ?? ''))
    fail(at('owasp'), 'it must name an entry of the OWASP list')
  if (!source.languages?.length) fail(at('languages'), 'it must name its languages, or `any`')
  for (const channel of source.channels ?? [])
    if (!channels.includes(channel)) fail(at('channels'), `a channel is one of ${channels.join(', ')}`)
  if (!source.catches?.length || !source.leaves?.length)
    fail(path, 'it needs texts it catches and texts it leaves')
  if (!source.phrases?.length && !source.patterns?.length) fail(path, 'it has no phrases')
  const each = <T>(key: 'phrases' | 'patterns', make: (text: string) => T): T[] =>
    (source[key] ?? []).flatMap((text, index) => {
      try {
        return [make(text)]
      } catch (error) {
        if (!(error instanceof SyntaxError)) throw error
        fail([...path, key, index], `${key === 'phrases' ? 'the phrase' : 'the pattern'} ${error.message}`)
        return []
      }
    })
  const { unlessAfter } = source
  if (unlessAfter !== undefined && !Object.hasOwn(words, unlessAfter))
    fail(at('unlessAfter'), `there is no class {${unlessAfter}}`)
  return {
    id: source.id,
    category: (source.id ?? '').split('.', 1)[0] ?? '',
    severity: source.severity,
    languages: source.languages ?? [],
    channels: new Set(source.channels ?? channels),
    phrases: each('phrases', (text) => parsePhrase(text, words)),
    patterns: each('patterns', compilePattern),
    unlessAfter: ((unlessAfter !== undefined && words[unlessAfter]) || []).map(foldText),
    catches: source.catches ?? [],
    leaves: source.leaves ?? [],
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every((member) => typeof member === 'string')
}
