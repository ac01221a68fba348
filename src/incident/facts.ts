/** What a log knows of an incident: which records concern it, and what its drafts are filled in with. */
import { IncidentReport, type Report } from '../audit/query/report.ts'
import { type Entry, isBy, outcomeOf } from '../audit/write/entry.ts'
import type { Incident } from './incident.ts'

/** What drafts are filled in with. */
export interface Facts {
  readonly report: Report
  /** Ids of persons behind keys in the records that concern it. */
  readonly persons: number
  /** There were more persons than are counted. */
  readonly morePersons: boolean
  /** Kinds of personal data and secrets that guards found, with the number of findings. */
  readonly personalData: Readonly<Record<string, number>>
  readonly secrets: Readonly<Record<string, number>>
  /** Addresses that requests with findings, or without a valid credential, came from. */
  readonly peers: readonly string[]
  /** Freezes, revocations and the like, in the words of the log. */
  readonly measures: readonly Measure[]
  readonly leftOut: { readonly measures: number }
  /** Digests of the models that served. */
  readonly models: readonly string[]
}

/** Something that was done about it. */
export interface Measure {
  readonly time: string
  readonly seq: number
  readonly what: string
}

const maxPersons = 100_000
const maxNames = 200
const maxMeasures = 100

/** Events that tell of something that was done, and not of the gateway's everyday life. */
const measureEvents: ReadonlySet<string> = new Set([
  ...['frozen', 'unfrozen', 'key revoked', 'key disabled', 'key rotated', 'token revoked', 'reloaded'],
  ...['exception removed', 'erased', 'breaker closed', 'model accepted', 'tool accepted'],
])

/**
 * Makes a test of records: those of the key or the person, or all; and all events, because what was frozen, reloaded,
 * changed or erased meanwhile belongs to every incident.
 */
export function concernOf({ key, person }: Pick<Incident, 'key' | 'person'>): (entry: Entry) => boolean {
  return (entry) => {
    if (entry.event !== undefined) return true
    if (key !== null && !isBy(entry, key)) return false
    return person === null || entry.person === person
  }
}

/** Collects facts, record by record. Bounded. */
export class FactCollector {
  readonly #report = new IncidentReport()
  readonly #persons = new Set<string>()
  #morePersons = false
  readonly #personalData = new Map<string, number>()
  readonly #secrets = new Map<string, number>()
  readonly #peers = new Set<string>()
  readonly #models = new Set<string>()
  readonly #measures: Measure[] = []
  #measuresLeftOut = 0

  /** Takes the next record, in the order of the log. */
  add(entry: Entry): void {
    this.#report.add(entry)
    if (entry.event !== undefined) this.#addMeasure(entry)
    else this.#addRequest(entry)
  }

  /** Sums up what was added so far. */
  result(): Facts {
    return {
      report: this.#report.result(),
      persons: this.#persons.size,
      morePersons: this.#morePersons,
      personalData: Object.fromEntries(this.#personalData),
      secrets: Object.fromEntries(this.#secrets),
      peers: [...this.#peers],
      measures: this.#measures,
      leftOut: { measures: this.#measuresLeftOut },
      models: [...this.#models],
    }
  }

  #addMeasure(entry: Entry): void {
    if (!measureEvents.has(entry.event ?? '')) return
    if (this.#measures.length >= maxMeasures) this.#measuresLeftOut++
    else this.#measures.push({ time: entry.time, seq: entry.seq, what: inWords(entry) })
  }

  #addRequest(entry: Entry): void {
    const { person, peer, findings = [], model, identity } = entry
    if (typeof person === 'string') {
      if (this.#persons.size < maxPersons) this.#persons.add(person)
      else if (!this.#persons.has(person)) this.#morePersons = true
    }
    for (const { id, category } of findings) {
      if (category === 'pii') count(this.#personalData, id)
      if (category === 'secrets') count(this.#secrets, id)
    }
    const isSuspect = findings.length > 0 || !identity
    if (isSuspect && typeof peer === 'string' && this.#peers.size < maxNames) this.#peers.add(peer)
    const digest =
      typeof model === 'object' ? model?.served && `${model.served} ${digestOf(model)}` : undefined
    if (digest && this.#models.size < maxNames) this.#models.add(digest.trim())
  }
}

function digestOf(model: object): string {
  return 'digest' in model && typeof model.digest === 'string' ? model.digest : ''
}

function inWords(entry: Entry): string {
  const parts = ['kind', 'name', 'key', 'token', 'tool', 'model', 'policy'].flatMap((field) => {
    const value = entry[field]
    return typeof value === 'string' && value !== '' ? [value] : []
  })
  const why = typeof entry.why === 'string' && entry.why !== '' ? ` (${entry.why})` : ''
  const by = typeof entry.by === 'string' && entry.by !== '' ? `, by ${entry.by}` : ''
  return `${[outcomeOf(entry), ...parts].join(' ')}${why}${by}`
}

function count(counts: Map<string, number>, name: string): void {
  const key = counts.has(name) || counts.size < maxNames ? name : '(others)'
  counts.set(key, (counts.get(key) ?? 0) + 1)
}
