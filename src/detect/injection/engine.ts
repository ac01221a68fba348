/**
 * Signatures made ready to run: one matcher for the Latin script and one for each of the others, which sleep unless a
 * text needs them; one that takes digits for letters; the words by which turned and misspelt texts are known.
 */
import { unitCount } from '../../core/code-units.ts'
import type { Channel } from '../../core/text.ts'
import { lettersMeant, standsInFor } from '../deobfuscate/leet.ts'
import { toPigLatin } from '../deobfuscate/pig-latin.ts'
import { sign } from '../deobfuscate/prefilter.ts'
import { rot13 } from '../deobfuscate/rot13-and-reversed.ts'
import { createSegmenter, type Segmenter } from '../deobfuscate/spaced.ts'
import { type Corrector, createCorrector } from '../deobfuscate/typos.ts'
import { classes, type Part, phrasesOf, weightOf } from './acts/parts.ts'
import { type Act, actIn, createActReader, mayHoldActs } from './acts/reader.ts'
import type { Evidence } from './evidence.ts'
import { createMatcher, type Matcher } from './matcher.ts'
import { isMentioned } from './mention.ts'
import { parsePhrase, type Step } from './phrase.ts'
import type { Signature } from './signature.ts'
import type { TextView } from './text-view.ts'
import { folded, isSpacedWordUnit, isUnspaced, unitKinds, wordKind } from './units.ts'

/** Signatures made ready to run. */
export interface Engine {
  /** Looks for every signature. @param seen what the survey saw @returns how the text may be turned, as bits of `turn` */
  look(reading: TextView, seen: number, channel: Channel, evidence: Evidence): number
  /** Words of which attacks are made. */
  readonly vocabulary: ReadonlySet<string>
  readonly segment: Segmenter
  readonly corrector: Corrector
}

/** Bits of what `look` returns: ways in which a text may be turned. */
export const turn = { backToFront: 1, shifted: 2, pigLatin: 4 } as const

/** `l` and `i` become one, because `1` may be either. */
const leet = { ...lettersMeant, l: 'i' }
const asLetter = new Uint16Array(unitCount)
/** Where signs may be letters, they part no words. */
const loosenedKinds = unitKinds.slice()
for (const [disguise, letter] of Object.entries(leet)) {
  asLetter[disguise.charCodeAt(0)] = letter.charCodeAt(0)
  loosenedKinds[disguise.charCodeAt(0)] = wordKind
}
const loosened = folded.map((unit) => asLetter[unit] || unit)

/** Words of attacks that are known again when turned. */
const marks =
  'ignore disregard forget instructions instruction previous prompt system reveal password restrictions guidelines override unrestricted rules original everything safety filters directives developer ethical commands message unfiltered assistant secret anything answer request conversation hidden initial repeat verbatim words above output passwords send customer conversation history'.split(
    ' ',
  )
interface Phrase {
  /** Or, of an order, a part. */
  readonly means: Signature | Part
  readonly steps: readonly Step[]
}

/** Parts of orders in all languages, made ready once. */
const phrasesOfParts: readonly Phrase[] = (Object.keys(weightOf) as Part[]).flatMap((part) =>
  phrasesOf(part).map((phrase) => ({ means: part, steps: parsePhrase(phrase, classes) })),
)

/** A phrase of a signature in which digits may be letters. */
interface LoosePhrase {
  readonly signature: Signature
  readonly steps: readonly Step[]
}

/** Makes signatures ready to run. */
export function createEngine(signatures: readonly Signature[]): Engine {
  return new SignatureEngine(signatures)
}

class SignatureEngine implements Engine {
  readonly vocabulary: ReadonlySet<string>
  readonly segment: Segmenter
  readonly corrector: Corrector
  /** Phrases of the Latin script; then the words that say how a text is turned. */
  readonly #latin: readonly Phrase[]
  readonly #plain: Matcher
  readonly #scripts: readonly {
    readonly script: number
    readonly own: readonly Phrase[]
    readonly matcher: Matcher
  }[]
  readonly #loosePhrases: readonly LoosePhrase[]
  readonly #loose: Matcher
  readonly #withPatterns: readonly Signature[]

  constructor(signatures: readonly Signature[]) {
    const told = signatures.flatMap((signature) => signature.phrases.map((steps) => ({ signature, steps })))
    const byScript = phrasesByScript([
      ...told.map(({ signature, steps }) => ({ means: signature, steps })),
      ...phrasesOfParts,
    ])
    this.#latin = byScript.get(0) ?? []
    this.#plain = createMatcher([
      ...this.#latin.map(({ steps }) => steps),
      ...marks.map((mark) => word([...mark].reverse().join(''))),
      ...marks.map((mark) => word(mark.replaceAll(/./g, rot13))),
      ...marks.map((mark) => word(toPigLatin(mark))),
    ])
    this.#scripts = [...byScript]
      .filter(([script]) => script !== 0)
      .map(([script, own]) => ({ script, own, matcher: matcherOf(own) }))
    this.#loosePhrases = loosePhrasesOf(told)
    this.#loose = createMatcher(
      this.#loosePhrases.map(({ steps }) => steps),
      loosened,
      loosenedKinds,
    )
    this.#withPatterns = signatures.filter(({ patterns }) => patterns.length > 0)
    this.vocabulary = vocabularyOf(told)
    this.segment = createSegmenter(this.vocabulary)
    this.corrector = createCorrector(this.vocabulary)
  }

  look(view: TextView, seen: number, channel: Channel, evidence: Evidence): number {
    const look = new Look(view, channel, evidence)
    const turned = this.#lookPlainly(look)
    for (const { script, own, matcher } of this.#scripts)
      if (seen & script)
        matcher.run(view.text, (phrase, { start, end }) => look.found(own[phrase], start, end))
    for (const signature of this.#withPatterns)
      for (const { find } of signature.patterns)
        find(view.text, (start, end) => look.report(signature, start, end))
    if (seen & sign.leet) this.#lookLoosely(look)
    look.tellActs()
    return turned
  }

  #lookPlainly(look: Look): number {
    const phrases = this.#latin.length
    let turned = 0
    this.#plain.run(look.view.text, (phrase, { start, end }) => {
      if (phrase < phrases) look.found(this.#latin[phrase], start, end)
      else if (phrase < phrases + marks.length) turned |= turn.backToFront
      else if (phrase < phrases + 2 * marks.length) turned |= turn.shifted
      else turned |= turn.pigLatin
    })
    return turned
  }

  #lookLoosely(look: Look): void {
    const { text } = look.view
    this.#loose.run(text, (phrase, { start, end }) => {
      const found = this.#loosePhrases[phrase]
      if (found && standsInFor.test(text.slice(start, end))) look.report(found.signature, start, end)
    })
  }
}

/** One look at one view of a text: hands to the evidence what is found there. */
class Look {
  readonly view: TextView
  readonly #channel: Channel
  readonly #evidence: Evidence
  readonly #acts: ReturnType<typeof createActReader> | undefined

  constructor(view: TextView, channel: Channel, evidence: Evidence) {
    this.view = view
    this.#channel = channel
    this.#evidence = evidence
    this.#acts = mayHoldActs(channel) ? createActReader() : undefined
  }

  found(phrase: Phrase | undefined, start: number, end: number): void {
    if (!phrase) return
    const { means } = phrase
    if (typeof means !== 'string') this.report(means, start, end)
    else if (this.#acts && !this.#acts.see(means, { start, end }))
      this.#evidence.overflow(this.view.original({ start, end }))
  }

  report(signature: Signature, start: number, end: number): void {
    const { text } = this.view
    if (!signature.channels.has(this.#channel) || isForbidden(text, start, signature.unlessAfter)) return
    // Words of two sentences often make a phrase that nobody said.
    const isOneSentence = signature.severity !== 'high' || !twoSentences.test(text.slice(start, end))
    this.#evidence.add(
      isOneSentence ? signature : { ...signature, severity: 'medium' },
      this.view.original({ start, end }),
      () => isMentioned(text, { start, end }),
    )
  }

  tellActs(): void {
    for (const each of this.#acts?.acts() ?? []) {
      const act = actIn(this.#channel, each)
      if (act) tellAct(act, this.view, this.#evidence)
    }
  }
}

function phrasesByScript(phrases: readonly Phrase[]): Map<number, Phrase[]> {
  const byScript = new Map<number, Phrase[]>()
  for (const phrase of phrases) {
    const script = scriptOf(phrase.steps)
    const own = byScript.get(script)
    if (own) own.push(phrase)
    else byScript.set(script, [phrase])
  }
  return byScript
}

/** One word alone, or a sign, says too little when digits may be letters. */
function loosePhrasesOf(told: readonly LoosePhrase[]): LoosePhrase[] {
  return told
    .filter(({ steps }) => scriptOf(steps) === 0)
    .map(({ signature, steps }) => ({ signature, steps: steps.map(wordsOnly) }))
    .filter(({ steps }) => steps.length > 1 && steps.every(({ literals }) => literals.length > 0))
}

function tellAct(act: Act, reading: TextView, evidence: Evidence): void {
  const { id, severity } = act
  const parts = act.parts.map(({ part, ...place }) => ({ part, ...reading.original(place) }))
  evidence.add({ id, category: 'acts', severity, parts }, reading.original(act), () =>
    isMostlyMentioned(reading, act),
  )
}

/** An act, most parts of which are only mentioned. */
function isMostlyMentioned({ text }: TextView, { parts }: Pick<Act, 'parts'>): boolean {
  return parts.filter((part) => isMentioned(text, part)).length * 2 > parts.length
}

const twoSentences = /[\p{Ll}\d)"'][.!?]["')]?\s+\p{Lu}/u

function matcherOf(phrases: readonly Phrase[]): Matcher {
  return createMatcher(phrases.map(({ steps }) => steps))
}

function word(text: string): readonly Step[] {
  return [{ gap: 0, literals: [{ text, opens: true, closes: true }] }]
}

/** The script without which no text can hold the phrase; 0 for Latin. */
function scriptOf(steps: readonly Step[]): number {
  for (const { literals } of steps) {
    const scripts = new Set(literals.map(({ text }) => scriptOfText(text)))
    const [only = 0] = scripts
    if (scripts.size === 1 && only !== 0) return only
  }
  return 0
}

function scriptOfText(text: string): number {
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at)
    if (unit >= 0x400 && unit <= 0x52f) return sign.cyrillic
    if (unit >= 0x590 && unit <= 0x8ff) return sign.arabic
    if (unit >= 0x900 && unit <= 0xdff) return sign.indic
    if (isUnspaced(unit)) return sign.unspaced
  }
  return 0
}

function wordsOnly(step: Step): Step {
  return { ...step, literals: step.literals.filter(({ text, opens }) => opens || /^[a-z]{4,}$/.test(text)) }
}

/** English words of phrases: those of other languages would be found in English letters that stand together. */
function vocabularyOf(phrases: readonly { signature: Signature; steps: readonly Step[] }[]): Set<string> {
  const words = new Set('the and you your all not for with this that please now to of in me my is'.split(' '))
  for (const { signature, steps } of phrases)
    if (signature.languages.some((language) => language === 'en' || language === 'any'))
      for (const { literals } of steps)
        for (const { text } of literals) if (/^[a-z]{3,}$/.test(text)) words.add(text)
  return words
}

/** Whether directly before the place, with nothing but blanks between, stands a word that turns it into its opposite. */
function isForbidden(text: string, start: number, words: readonly string[]): boolean {
  if (words.length === 0) return false
  let end = start
  while (end > 0 && start - end < 16 && folded[text.charCodeAt(end - 1)] === 0x20) end--
  return words.some((each) => {
    const from = end - each.length
    if (from < 0) return false
    const clings = isUnspaced(each.charCodeAt(each.length - 1))
    if (end === start && !clings) return false
    for (let at = 0; at < each.length; at++)
      if (folded[text.charCodeAt(from + at)] !== each.charCodeAt(at)) return false
    return clings || from === 0 || !isSpacedWordUnit(text.charCodeAt(from - 1))
  })
}
