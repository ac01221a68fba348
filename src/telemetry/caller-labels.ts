/**
 * The labels `role` and `key`, where the policy asks for them. Roles stand in the policy and keys in the key file; so many
 * keys have series of their own in each process, the rest is counted together.
 */

/** Labels by which the metrics of requests can be told apart. */
export type CallerLabel = 'role' | 'key'

/** What the policy says of them. */
export interface CallerLabelSettings {
  readonly labels: ReadonlySet<CallerLabel>
  /** Keys with series of their own, for each process. */
  readonly maxKeys: number
}

/** Who sent a request, as far as metrics may tell. */
export interface Caller {
  readonly role: string
  /** The public id of an API key; undefined: the caller has none. */
  readonly key: string | undefined
}

/** Values of the labels; those that the policy does not ask for are absent. */
export type CallerLabelValues = Readonly<Partial<Record<CallerLabel, string>>>

/** Of requests whose caller is not known. */
const nobody = 'none'
/** Of further keys, and of callers without one. */
const others = 'other'
const unlabelled: CallerLabelValues = Object.freeze({})

/** Chooses the labels of requests. */
export class CallerLabels {
  #settings: CallerLabelSettings = { labels: new Set(), maxKeys: 0 }
  readonly #keys = new Set<string>()

  /** Goes by these settings from now on; series that exist stay. */
  use(settings: CallerLabelSettings): void {
    this.#settings = settings
  }

  /** @param caller undefined: not known */
  of(caller: Caller | undefined): CallerLabelValues {
    const { labels } = this.#settings
    if (labels.size === 0) return unlabelled
    const role = caller?.role ?? nobody
    if (!labels.has('key')) return { role }
    const key = caller ? this.#nameOf(caller.key) : nobody
    return labels.has('role') ? { role, key } : { key }
  }

  /** Gives the places of keys that are gone to others. */
  keep(isKey: (id: string) => boolean): void {
    for (const id of this.#keys) if (!isKey(id)) this.#keys.delete(id)
  }

  /** Whether series with these labels count callers that exist, or several together. */
  isCurrent({ role, key }: CallerLabelValues, isRole: (name: string) => boolean): boolean {
    const knownRole = role === undefined || role === nobody || isRole(role)
    return knownRole && (key === undefined || key === nobody || key === others || this.#keys.has(key))
  }

  #nameOf(key: string | undefined): string {
    if (key === undefined) return others
    if (this.#keys.has(key)) return key
    if (this.#keys.size >= this.#settings.maxKeys) return others
    this.#keys.add(key)
    return key
  }
}
