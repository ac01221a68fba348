/**
 * Secrets and personal data in a text that is still being written. What they are, `sensitive/` knows; from where on an
 * unfinished text may become one is told by what wakes each detector: a word that has begun like a key, or that follows a
 * name such as "password" (`hold-secrets.ts`); with personal data, any word and any number (`hold-personal.ts`).
 *
 * A detector that is woken by a single character finds what nothing announces. For it a word waits once it mixes letters
 * with digits or signs; the plain letters or digits before that have left.
 */
import { type Automaton, createAutomaton } from '../injection/automaton.ts'
import type { Detector } from '../sensitive/detector.ts'
import type { SensitiveFinder } from '../sensitive/finder.ts'
import { shippedFinder } from '../sensitive/mask.ts'
import { holdPersonal } from './hold-personal.ts'
import { SecretLiterals } from './hold-secrets.ts'
import type { Match, StreamDetector } from './stream-detector.ts'

const secretTypes = /key|token|secret|jwt|password|passphrase|credential|cookie|seed/
/** Tells secrets from personal data by the name of the type. */
export function isSecret(type: string): boolean {
  return secretTypes.test(type)
}

/** What of a text's data is wanted. */
export interface WantedData {
  readonly secrets: boolean
  readonly pii: boolean
  /** Knows what the policy counts as personal data besides what is shipped; absent: nothing. */
  readonly finder?: SensitiveFinder
}

/** Finds the secrets and personal data that a policy wants found. */
export class SensitiveDetector implements StreamDetector {
  readonly opening: readonly string[]
  readonly others: readonly string[]
  readonly #wanted: WantedData
  readonly #finder: SensitiveFinder
  readonly #literals: SecretLiterals
  /** All triggers, single characters among them; undefined: something is looked for in every text. */
  readonly #triggers: Automaton | undefined
  /** Those that know themselves from where on a text is to be held. */
  readonly #holding: readonly Detector[]

  constructor(wanted: WantedData) {
    this.#wanted = wanted
    this.#finder = wanted.finder ?? shippedFinder
    const detectors = this.#finder.detectors.filter(({ type }) => this.#isWanted(type))
    const triggers = [...new Set(detectors.flatMap((each) => each.triggers))]
    const unannounced = detectors.some(
      (each) => isSecret(each.type) && each.triggers.some(({ length }) => length === 1),
    )
    this.#literals = new SecretLiterals(
      triggers.filter(({ length }) => length > 1),
      unannounced,
    )
    this.opening = this.#literals.opening
    this.others = this.#literals.others
    this.#holding = detectors.filter(({ hold }) => hold !== undefined)
    this.#triggers = detectors.some(({ always }) => always)
      ? undefined
      : createAutomaton(
          triggers.map((text) => ({ text, opens: false })),
          () => true,
        )
  }

  wakes(text: string): boolean {
    return this.#literals.standIn(text)
  }

  hold(text: string): number {
    let from = this.#wanted.secrets ? this.#literals.hold(text) : text.length
    if (this.#wanted.pii) from = Math.min(from, holdPersonal(text))
    for (const detector of this.#holding) from = Math.min(from, detector.hold?.(text) ?? from)
    return from
  }

  find(text: string): readonly Match[] {
    if (!this.#holdsTrigger(text)) return []
    const found: Match[] = []
    for (const { start, end, type } of this.#finder.find(text)) {
      if (!this.#isWanted(type)) continue
      const guard = isSecret(type) ? 'secrets' : 'pii'
      const match: Match = { start, end, type, guard, put: `[redacted:${type}]` }
      found.push(type === 'private-key' ? { ...match, ends: endOfKey, isOfLines: true } : match)
    }
    const long = this.#wanted.secrets ? longToken.exec(text) : null
    if (long) found.push({ start: long.index, end: text.length, ...unfinishedToken })
    return found
  }

  #isWanted(type: string): boolean {
    return isSecret(type) ? this.#wanted.secrets : this.#wanted.pii
  }

  #holdsTrigger(text: string): boolean {
    if (!this.#triggers) return true
    let found = false
    this.#triggers.run(text, () => {
      found = true
    })
    return found
  }
}

/** One that is not complete within the window: its signature is still to come, and may never. */
const longToken = /(?<![\w-])eyJ[\w-]{8,}(?:\.[\w-]*){0,2}$(?<=[\w.-]{480})/

const unfinishedToken = {
  type: 'jwt',
  guard: 'secrets',
  put: '[redacted:jwt]',
  ends: endOfToken,
} as const

function endOfToken(text: string): number {
  return text.search(/[^\w.-]/)
}

function endOfKey(text: string): number {
  const end = /-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|Private-MAC: [0-9a-f]{1,64}/.exec(text)
  return end ? end.index + end[0].length : -1
}
