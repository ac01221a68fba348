/** What is unusual at present. One cause is one anomaly: kinds of one group, what begins within an hour, and what shows at a key and its model. */
import type { Anomaly, AnomalyKind } from './anomaly.ts'
import { type Group, groups } from './channels.ts'
import type { Finding, SubjectBaseline } from './subject.ts'

const hourMs = 3_600_000
/** An anomaly is over when nothing of it was seen for a day, or for twice as long as it took to notice. */
const holdMs = 24 * hourMs
/** What has been unusual for a week is the new usual. */
const adoptionMs = 168 * hourMs
const sameCauseMs = hourMs
const maxOver = 100
const maxOpen = 1000

interface Open {
  anomaly: Anomaly
  readonly group: Group
  readonly openedMs: number
  oddMs: number
  /** Ids of the baselines it shows in, and of which groups. */
  readonly members: Map<string, Set<Group>>
  /** Of an anomaly of a key: the models that it uses. What they show meanwhile is its doing. */
  readonly models: ReadonlySet<string>
}

/** Open anomalies as JSON. */
export interface SavedAnomalies {
  readonly open: readonly {
    readonly anomaly: Anomaly
    readonly openedMs: number
    readonly oddMs: number
    readonly members: readonly (readonly [string, readonly Group[]])[]
    readonly models: readonly string[]
  }[]
  readonly over: readonly Anomaly[]
  readonly told: number
}

/** What was taken as usual because it stayed: baseline and group. */
export interface Adopted {
  readonly member: string
  readonly group: Group
}

/** Keeps what is open and the last hundred that are over. */
export class OpenAnomalies {
  #open: Open[] = []
  readonly #over: Anomaly[] = []
  #changed: Anomaly[] = []
  #told = 0
  /** Group and baseline of everything that is open, so that asking costs one look-up. */
  #shown = new Set<string>()

  constructor(saved?: SavedAnomalies) {
    if (saved === undefined) return
    this.#told = saved.told
    this.#over = [...saved.over]
    this.#open = saved.open.map(({ anomaly, openedMs, oddMs, members, models }) => ({
      anomaly,
      group: groups[anomaly.kind],
      openedMs,
      oddMs,
      members: new Map(members.map(([id, of]) => [id, new Set(of)])),
      models: new Set(models),
    }))
    this.#index()
  }

  /** Tells whether an anomaly of this group is open that shows in a baseline. */
  isOpen({ member }: SubjectBaseline, group: Group): boolean {
    return this.#shown.size > 0 && this.#shown.has(`${group} ${member}`)
  }

  /** Counts a finding as part of what is open. @returns whether it is */
  fold(baseline: SubjectBaseline, finding: Finding, nowMs: number): boolean {
    const { member } = baseline
    const group = groups[finding.kind]
    const same = this.#open.find((open) => isSameCause(open, baseline, finding.kind, nowMs))
    if (same === undefined) return false
    same.oddMs = nowMs
    const shown = same.members.get(member) ?? new Set()
    same.members.set(member, shown.add(group))
    this.#shown.add(`${group} ${member}`)
    if (finding.kind === same.anomaly.kind && finding.score > same.anomaly.score)
      same.anomaly = { ...same.anomaly, score: finding.score, now: finding.now }
    return true
  }

  /** Opens an anomaly. */
  open(baseline: SubjectBaseline, finding: Finding, nowMs: number): void {
    this.#told++
    const { kind, score, sinceMs, usual, now } = finding
    const anomaly: Anomaly = {
      id: `${Math.floor(nowMs).toString(36)}-${this.#told.toString(36)}`,
      kind,
      subject: baseline.subject,
      sinceMs,
      atMs: nowMs,
      usual,
      now,
      score,
      records: baseline.evidence(),
      state: 'open',
    }
    const group = groups[kind]
    this.#open.push({
      anomaly,
      group,
      openedMs: nowMs,
      oddMs: nowMs,
      members: new Map([[baseline.member, new Set([group])]]),
      models: new Set(baseline.models),
    })
    this.#changed.push(anomaly)
    if (this.#open.length > maxOpen) this.#end(this.#open.shift(), nowMs)
    this.#index()
  }

  #index(): void {
    this.#shown = new Set(
      this.#open.flatMap(({ members }) =>
        [...members].flatMap(([member, of]) => [...of].map((group) => `${group} ${member}`)),
      ),
    )
  }

  /** Ends what has passed, and what has become usual. @returns what is to be learnt anew */
  expire(nowMs: number): Adopted[] {
    const adopted: Adopted[] = []
    const stillOpen: Open[] = []
    for (const open of this.#open) {
      const isAdopted = nowMs - open.openedMs >= adoptionMs
      const hold = Math.max(holdMs, 2 * (open.openedMs - open.anomaly.sinceMs))
      if (!isAdopted && nowMs - open.oddMs < hold) {
        stillOpen.push(open)
        continue
      }
      this.#end(open, nowMs)
      if (isAdopted)
        for (const [member, of] of open.members) for (const group of of) adopted.push({ member, group })
    }
    const isChanged = stillOpen.length < this.#open.length
    this.#open = stillOpen
    if (isChanged) this.#index()
    return adopted
  }

  #end(open: Open | undefined, nowMs: number): void {
    if (open === undefined) return
    const over: Anomaly = { ...open.anomaly, atMs: nowMs, state: 'over' }
    this.#over.push(over)
    if (this.#over.length > maxOver) this.#over.shift()
    this.#changed.push(over)
  }

  /** What has begun or ended since it was last asked. */
  changes(): readonly Anomaly[] {
    const changed = this.#changed
    this.#changed = []
    return changed
  }

  /** What is open, then what is over. */
  list(): readonly Anomaly[] {
    return [...this.#open.map(({ anomaly }) => anomaly), ...this.#over]
  }

  /** As JSON. */
  save(): SavedAnomalies {
    const open = this.#open.map(({ anomaly, openedMs, oddMs, members, models }) => ({
      anomaly,
      openedMs,
      oddMs,
      models: [...models],
      members: [...members].map(([id, of]) => [id, [...of]] as const),
    }))
    return { open, over: this.#over, told: this.#told }
  }
}

/** Tells whether what is found of a baseline belongs to what is open. */
function isSameCause(open: Open, baseline: SubjectBaseline, kind: AnomalyKind, nowMs: number): boolean {
  const isRecent = nowMs - open.openedMs <= sameCauseMs
  const shown = open.members.get(baseline.member)
  if (shown !== undefined) return isRecent || shown.has(groups[kind])
  // Of a key and a model only the very same kind, lest a false alarm of a model hides what a key does for days.
  return isLinked(open, baseline) && (open.anomaly.kind === kind || (isRecent && open.group === groups[kind]))
}

/** Tells whether a baseline is of a model that the key of the anomaly uses, or of a key that uses its model. */
function isLinked(open: Open, { member, subject, models }: SubjectBaseline): boolean {
  if (subject.kind === open.anomaly.subject.kind) return false
  if (subject.kind === 'key') return [...open.members.keys()].some((id) => models.has(id))
  return open.models.has(member)
}
