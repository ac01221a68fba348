/**
 * What an incident needs told, from one walk over the log: when, who, what was found, what was stopped and what was
 * not, under which policies, and hashes by which somebody else finds the same records. Bounded: of each list the first
 * so many are kept, and how many were left out is said.
 */
import { type Entry, modelOf, outcomeOf } from '../write/entry.ts'

/** What an incident needs told. Times are RFC 3339, UTC. */
export interface Report {
  readonly from: string | null
  readonly to: string | null
  readonly first: Hashed | null
  readonly last: Hashed | null
  readonly records: number
  readonly requests: number
  readonly outcomes: CountsByName
  readonly policies: CountsByName
  readonly models: CountsByName
  readonly identities: readonly Actor[]
  readonly strangers: CountsByName
  readonly findings: readonly FoundSignature[]
  /** Requests with findings: refused or cut; with all of it taken out; and those where some went on all the same. */
  readonly stopped: number
  readonly redacted: number
  readonly passed: number
  readonly timeline: readonly Moment[]
  readonly checkpoints: readonly Checkpointed[]
  /** How much of each list does not stand here. */
  readonly leftOut: { readonly timeline: number; readonly identities: number; readonly checkpoints: number }
}

interface Hashed {
  readonly seq: number
  readonly hash: string
}
type CountsByName = Readonly<Record<string, number>>
interface Checkpointed extends Hashed {
  readonly time: string
}
interface Actor {
  readonly id: string
  readonly name: string
  readonly role: string
  readonly requests: number
  readonly refused: number
  readonly withFindings: number
  readonly firstAt: string
  readonly lastAt: string
}
interface FoundSignature {
  readonly id: string
  readonly category: string
  readonly severity: string
  readonly blocked: number
  /** Taken out of an answer that went on. */
  readonly redacted: number
  readonly passed: number
}
interface Moment extends Hashed {
  readonly time: string
  readonly what: string
  readonly who: string | null
  readonly peer: string | null
  readonly requestId: string | null
  readonly model: string | null
  readonly findings: readonly string[]
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

const maxMoments = 1000
const maxActors = 1000
const maxNames = 200
const maxCheckpoints = 100
const others = '(others)'

/** Collects what an incident needs told, entry by entry. */
export class IncidentReport {
  #records = 0
  #requests = 0
  #stopped = 0
  #redacted = 0
  #passed = 0
  #first: Entry | undefined
  #last: Entry | undefined
  readonly #outcomes = new Map<string, number>()
  readonly #policies = new Map<string, number>()
  readonly #models = new Map<string, number>()
  readonly #strangers = new Map<string, number>()
  readonly #actors = new Map<string, Mutable<Actor>>()
  readonly #findings = new Map<string, Mutable<FoundSignature>>()
  readonly #timeline: Moment[] = []
  readonly #checkpoints: Checkpointed[] = []
  readonly #leftOut = { timeline: 0, identities: 0, checkpoints: 0 }

  /** Takes the next entry, in the order of the log. */
  add(entry: Entry): void {
    this.#records++
    this.#first ??= entry
    this.#last = entry
    if (entry.event === 'checkpoint') {
      const at = entry.at as Hashed | undefined
      if (this.#checkpoints.length >= maxCheckpoints) this.#leftOut.checkpoints++
      else if (at) this.#checkpoints.push({ time: entry.time, seq: at.seq, hash: at.hash })
      return
    }
    if (entry.event === undefined) {
      this.#requests++
      count(this.#outcomes, outcomeOf(entry))
      if (entry.policy !== undefined) count(this.#policies, entry.policy)
      if (entry.model) count(this.#models, modelOf(entry))
      this.#countActor(entry)
      this.#countFindings(entry)
      if (!isNotable(entry)) return
    }
    if (this.#timeline.length >= maxMoments) this.#leftOut.timeline++
    else this.#timeline.push(momentOf(entry))
  }

  /** Sums up what was added so far. */
  result(): Report {
    return {
      from: this.#first?.time ?? null,
      to: this.#last?.time ?? null,
      first: this.#first ? { seq: this.#first.seq, hash: this.#first.hash } : null,
      last: this.#last ? { seq: this.#last.seq, hash: this.#last.hash } : null,
      records: this.#records,
      requests: this.#requests,
      outcomes: Object.fromEntries(this.#outcomes),
      policies: Object.fromEntries(this.#policies),
      models: Object.fromEntries(this.#models),
      identities: [...this.#actors.values()].toSorted(
        (a, b) => b.withFindings - a.withFindings || b.requests - a.requests,
      ),
      strangers: Object.fromEntries(this.#strangers),
      findings: [...this.#findings.values()],
      stopped: this.#stopped,
      redacted: this.#redacted,
      passed: this.#passed,
      timeline: this.#timeline,
      checkpoints: this.#checkpoints,
      leftOut: this.#leftOut,
    }
  }

  #countActor(entry: Entry): void {
    const { identity, time, ending } = entry
    if (!identity) {
      count(this.#strangers, entry.peer ?? '(erased)')
      return
    }
    const known = this.#actors.get(identity.id)
    if (!known && this.#actors.size >= maxActors) {
      this.#leftOut.identities++
      return
    }
    const { id, name, role } = identity
    const actor = known ?? {
      id,
      name,
      role,
      requests: 0,
      refused: 0,
      withFindings: 0,
      firstAt: time,
      lastAt: time,
    }
    this.#actors.set(id, actor)
    actor.requests++
    actor.lastAt = time
    if (ending?.kind === 'refused') actor.refused++
    if ((entry.findings ?? []).length > 0) actor.withFindings++
  }

  #countFindings(entry: Entry): void {
    const found = entry.findings ?? []
    if (found.length === 0) return
    const held = wasStopped(entry)
    if (held) this.#stopped++
    else if (found.every(({ action }) => action === 'redact')) this.#redacted++
    else this.#passed++
    for (const { id, category, severity, action } of found) {
      const key = this.#findings.has(id) || this.#findings.size < maxNames ? id : others
      const known = this.#findings.get(key) ?? {
        id: key,
        category,
        severity,
        blocked: 0,
        redacted: 0,
        passed: 0,
      }
      if (held) known.blocked++
      else if (action === 'redact') known.redacted++
      else known.passed++
      this.#findings.set(key, known)
    }
  }
}

/** Nothing of it, or not all of it, came from or to a model. */
function wasStopped({ ending }: Entry): boolean {
  return ending?.kind === 'refused' || ending?.kind === 'cut'
}

/** What is refused for its rate or its form happens all day. */
function isNotable({ findings = [], ending }: Entry): boolean {
  const everyday = ['rate_limited', 'tokens_exhausted', 'too_many_concurrent', 'invalid_request', 'not_found']
  return findings.length > 0 || (ending?.code != null && !everyday.includes(ending.code))
}

function momentOf(entry: Entry): Moment {
  const { seq, hash, time, identity, peer = null, id = null, findings = [] } = entry
  return {
    seq,
    hash,
    time,
    what: [outcomeOf(entry), ...aboutOf(entry)].join(' '),
    who: typeof entry.by === 'string' ? entry.by : (identity?.id ?? null),
    peer,
    requestId: id,
    model: modelOf(entry) || null,
    findings: [...new Set(findings.map(({ id, action }) => `${id}:${action}`))],
  }
}

/** What an event was about, where its name alone does not say it. */
function aboutOf(entry: Entry): string[] {
  if (entry.event === undefined) return []
  return ['incident', 'kind', 'name', 'key', 'token', 'tool', 'approval', 'why'].flatMap((field) => {
    const value = entry[field]
    return typeof value === 'string' && value !== '' ? [field === 'why' ? `(${value})` : value] : []
  })
}

function count(counts: Map<string, number>, name: string): void {
  const key = counts.has(name) || counts.size < maxNames ? name : others
  counts.set(key, (counts.get(key) ?? 0) + 1)
}
