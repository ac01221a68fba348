/**
 * A signature: what an attack says, where it came from in the field's own list, and texts that prove it.
 * Packs are data (`packs/*.yaml`); this file says what may stand in one and makes it ready to run.
 */
import type { Severity } from '../core/text.ts'
import { type Channel, channels, severities } from '../core/text.ts'
import { parsePhrase, type Step, type WordClasses } from './phrase.ts'
import { foldText } from './units.ts'

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
  /** Words that turn it into its opposite if they stand directly before: "never reveal …". Folded. */
  readonly unlessAfter: readonly string[]
  /** Texts it must match, and texts it must not. */
  readonly catches: readonly string[]
  readonly leaves: readonly string[]
}

/** A pack as it stands in its file. */
export interface PackSource {
  readonly words?: WordClasses
  readonly signatures: readonly SignatureSource[]
}

export interface SignatureSource {
  readonly id: string
  readonly severity: Severity
  readonly languages: readonly string[]
  readonly owasp: string
  readonly channels?: readonly Channel[]
  readonly phrases: readonly string[]
  /** A class of words. */
  readonly unlessAfter?: string
  readonly catches: readonly string[]
  readonly leaves: readonly string[]
}

/** @param common classes of words that every pack may use
 * @throws SyntaxError naming the signature and what is wrong with it */
export function compilePack(pack: PackSource, common: WordClasses = {}): readonly Signature[] {
  const words = { ...common, ...pack.words }
  return pack.signatures.map((source) => {
    const fail = (why: string): never => {
      throw new SyntaxError(`signature ${source.id ?? '(without id)'}: ${why}`)
    }
    if (!/^[a-z-]+\.[a-z0-9-]+$/.test(source.id ?? '')) fail('its id must be family.name')
    if (!severities.includes(source.severity)) fail('its severity must be low, medium or high')
    if (!/^LLM\d\d(:20\d\d)?$/.test(source.owasp ?? '')) fail('it must name an entry of the OWASP list')
    if (!source.catches?.length || !source.leaves?.length)
      fail('it needs texts it catches and texts it leaves')
    const phrases = (source.phrases ?? []).map((phrase) => {
      try {
        return parsePhrase(phrase, words)
      } catch (error) {
        return fail(`phrase ${JSON.stringify(phrase)} ${(error as Error).message}`)
      }
    })
    if (phrases.length === 0) fail('it has no phrases')
    return {
      id: source.id,
      category: source.id.slice(0, source.id.indexOf('.')),
      severity: source.severity,
      languages: source.languages,
      channels: new Set(source.channels ?? channels),
      phrases,
      unlessAfter: (source.unlessAfter
        ? (words[source.unlessAfter] ?? fail(`there is no class {${source.unlessAfter}}`))
        : []
      ).map(foldText),
      catches: source.catches,
      leaves: source.leaves,
    }
  })
}
