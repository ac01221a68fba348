/**
 * Notices what is unusual of keys and models. Observations are counted as they come; the statistics happen in `tick`, a
 * share of all baselines at a time. One process decides: with several workers it is the primary, which they tell.
 *
 * What it does not see: what was so from the first week on, because that is what it learnt; a key's or a model's first
 * week; what hides behind an open anomaly of the same group, for a week at most. Patience helps an attacker up to the
 * distance from the frozen reference: twice the length, three times the volume, four times the odds. The reference is
 * renewed only when such a distance was told, or an anomaly stayed open for a week, so every further doubling is told again.
 * Who raises many alarms on purpose raises all limits, to twice at most.
 */
import type { Anomaly, Learning } from './anomaly.ts'
import { Budget } from './budget.ts'
import { channels, groups } from './channels.ts'
import type { Observation } from './observation.ts'
import { OpenAnomalies } from './open-anomalies.ts'
import { readState, type SavedState, stateVersion } from './state.ts'
import {
  type Finding,
  learningHours,
  learningRequests,
  type Pools,
  type Rates,
  SubjectBaseline,
  windowMs,
} from './subject.ts'

export type { Anomaly, AnomalyKind, Learning, Subject } from './anomaly.ts'

/** What the detector starts from. */
export interface DetectorOptions {
  /** False alarms a week that the operator puts up with, over the whole gateway. */
  readonly perWeek: number
  readonly nowMs: number
  /** What `state()` returned; anything else starts anew, and `startedAnew` says so. */
  readonly state?: unknown
}

/** Keys of which a baseline is kept; the one that was not seen for longest is forgotten first. */
export const maxKeys = 10_000
/** Digests of models of which a baseline is kept, likewise. */
export const maxModels = 1_000
const maxModelsOfKey = 20
/** Baselines that are forgotten together when there are too many. */
const evicted = 50
const minuteMs = 60_000
const hourMs = 3_600_000
/** Baselines that are judged in one tick at least, and the time in which most of a minute's are. */
const leastSlice = 50
const spreadMs = 30_000

/** Keeps the baselines, and what is open. */
export class AnomalyDetector {
  /** True if a state was given that could not be used. */
  readonly startedAnew: boolean
  readonly #baselines = { key: new Map<string, SubjectBaseline>(), model: new Map<string, SubjectBaseline>() }
  readonly #modelIds = new Map<string, { readonly digest: string; readonly id: string }>()
  readonly #pools: Pools
  readonly #budget: Budget
  readonly #anomalies: OpenAnomalies
  /** What was observed in this minute, and what of the minutes before is still to be judged. */
  #pending: SubjectBaseline[] = []
  #due: SubjectBaseline[] = []
  #minute: number
  #tickMs: number
  #hour = -1
  #rates: Rates = { chart: 0, names: 0 }
  #stretch = 1

  constructor({ perWeek, nowMs, state }: DetectorOptions) {
    const saved = state === undefined ? undefined : readState(state)
    this.startedAnew = state !== undefined && saved === undefined
    this.#pools = {
      networks: { novelties: 0, windows: 0, ...saved?.pools.networks },
      tools: { novelties: 0, windows: 0, ...saved?.pools.tools },
    }
    this.#budget = new Budget(perWeek, nowMs, saved?.budget)
    this.#minute = Math.floor(nowMs / minuteMs)
    this.#tickMs = nowMs
    for (const [id, subject] of saved?.subjects ?? []) {
      const baseline = new SubjectBaseline(id, subject.subject, nowMs, subject)
      this.#baselines[subject.subject.kind].set(id, baseline)
      if (baseline.isPending) this.#pending.push(baseline)
    }
    this.#anomalies = new OpenAnomalies(saved?.anomalies)
    if (saved === undefined) this.#renewBudget(nowMs)
    else this.#restoreLimits(saved.limits)
  }

  /** Takes another budget. */
  configure({ perWeek }: { readonly perWeek: number }): void {
    this.#budget.configure(perWeek)
    this.#renewBudget(this.#tickMs)
  }

  /**
   * Counts a finished request. Late ones, of a window that is over, count in the open one.
   * @param atMs the time that counts, if the observation's own cannot be believed
   * @param network the digest of its network, if it has the network itself
   */
  observe(seen: Observation, atMs = seen.atMs, network = seen.network): void {
    if (seen.key === null) return
    const key = this.#baselineOf('key', seen.key, seen.key, atMs)
    const model =
      seen.model === null
        ? undefined
        : this.#baselineOf('model', this.#modelId(seen.model, seen.digest ?? ''), seen.model, atMs)
    this.#add(key, seen, network, model)
    if (model === undefined) return
    remember(key.models, model.member)
    this.#add(model, seen, network, model)
  }

  /** The id of a digest of a model. The last one of each model is kept: hashing a long new string costs as much as all else. */
  #modelId(model: string, digest: string): string {
    const last = this.#modelIds.get(model)
    if (last?.digest === digest) return last.id
    const id = `${model} ${digest}`
    if (this.#modelIds.size >= maxModels) this.#modelIds.clear()
    this.#modelIds.set(model, { digest, id })
    return id
  }

  #add(
    baseline: SubjectBaseline,
    seen: Observation,
    network: string | null,
    model: SubjectBaseline | undefined,
  ): void {
    if (!baseline.isPending) this.#pending.push(baseline)
    baseline.add(seen, network, model)
  }

  #baselineOf(kind: 'key' | 'model', id: string, name: string, atMs: number): SubjectBaseline {
    const all = this.#baselines[kind]
    const window = Math.floor(atMs / windowMs)
    const known = all.get(id)
    if (known !== undefined && window <= known.window) return known
    const baseline = known ?? new SubjectBaseline(id, { kind, id: name }, atMs)
    if (known !== undefined) this.#roll(known, window)
    // The order of a Map is that of insertion, so the first is the one not seen for longest.
    all.delete(id)
    all.set(id, baseline)
    // Only when it is too large: the first entry of a Map whose first entries were deleted is slow to find.
    if (all.size > (kind === 'key' ? maxKeys : maxModels))
      for (const eldest of [...all.keys()].slice(0, evicted)) all.delete(eldest)
    return baseline
  }

  /** Judges a window that is over, and opens the next. */
  #roll(baseline: SubjectBaseline, window: number): void {
    const nowMs = window * windowMs
    this.#judge(baseline, nowMs)
    this.#tell(baseline, baseline.drift(nowMs), nowMs)
    this.#budget.window(nowMs)
    baseline.roll(window, this.#pools, (kind) => this.#anomalies.isOpen(baseline, groups[kind]))
  }

  #judge(baseline: SubjectBaseline, nowMs: number): void {
    if (baseline.isPending) this.#tell(baseline, baseline.judge(this.#rates, this.#pools, nowMs), nowMs)
  }

  #tell(baseline: SubjectBaseline, findings: readonly Finding[], nowMs: number): void {
    for (const finding of findings.toSorted((a, b) => b.score - a.score)) {
      if (finding.score < this.#stretch) continue
      if (!this.#anomalies.fold(baseline, finding, nowMs)) {
        this.#anomalies.open(baseline, finding, nowMs)
        this.#budget.alarm(nowMs)
        this.#stretch = this.#budget.stretch(nowMs)
      }
      baseline.settle(finding.channel)
    }
  }

  /** Judges a share of what was observed until the last full minute. @returns what began or ended since the last call */
  tick(nowMs: number): readonly Anomaly[] {
    const minute = Math.floor(nowMs / minuteMs)
    if (minute !== this.#minute) {
      this.#minute = minute
      this.#due.push(...this.#pending)
      this.#pending = []
    }
    const passed = Math.max(0, nowMs - this.#tickMs)
    this.#tickMs = nowMs
    const slice = Math.max(leastSlice, Math.ceil((this.#due.length * passed) / spreadMs))
    for (const baseline of this.#due.splice(0, slice)) this.#judge(baseline, nowMs)
    if (Math.floor(nowMs / hourMs) !== this.#hour) this.#renewBudget(nowMs)
    for (const { member, group } of this.#anomalies.expire(nowMs)) this.#member(member)?.adopt(group, nowMs)
    return this.#anomalies.changes()
  }

  #restoreLimits([hour, chart, names, stretch]: SavedState['limits']): void {
    this.#hour = hour
    this.#rates = { chart, names }
    this.#stretch = stretch
  }

  #renewBudget(nowMs: number): void {
    this.#hour = Math.floor(nowMs / hourMs)
    this.#rates = { chart: this.#budget.rate('charts') / channels.length, names: this.#budget.rate('names') }
    this.#stretch = this.#budget.stretch(nowMs)
  }

  #member(member: string): SubjectBaseline | undefined {
    const [kind = '', ...id] = member.split(' ')
    return this.#baselines[kind === 'key' ? 'key' : 'model'].get(id.join(' '))
  }

  /** What is open, and the last hundred that are over. */
  list(): readonly Anomaly[] {
    return this.#anomalies.list()
  }

  /** Whom anomalies are not told of yet. */
  learning(): readonly Learning[] {
    const all = [...this.#baselines.key.values(), ...this.#baselines.model.values()]
    return all
      .filter((baseline) => baseline.isLearning(this.#tickMs))
      .map(({ subject, firstMs, requests }) => ({
        subject,
        hours: Math.max(0, Math.floor((this.#tickMs - firstMs) / hourMs)),
        requests,
        untilHours: learningHours,
        untilRequests: learningRequests,
      }))
  }

  /** Everything that is kept, as JSON. For many keys, `stateParts` lets the event loop breathe meanwhile. */
  state(): unknown {
    const [head, ...subjects] = this.stateParts()
    return { ...(head as object), subjects }
  }

  /** The same in parts: what `state()` returns without `subjects`, then each of `subjects`. */
  *stateParts(): Generator<unknown> {
    const head: Omit<SavedState, 'subjects'> = {
      version: stateVersion,
      pools: this.#pools,
      budget: this.#budget.save(),
      limits: [this.#hour, this.#rates.chart, this.#rates.names, this.#stretch],
      anomalies: this.#anomalies.save(),
    }
    yield head
    for (const all of Object.values(this.#baselines))
      for (const [id, baseline] of all) yield [id, baseline.save()] satisfies SavedState['subjects'][number]
  }
}

/** Remembers a model as the last one that was used, and forgets the one not used for longest. */
function remember(models: Set<string>, id: string): void {
  if (models.has(id)) return
  models.add(id)
  for (const eldest of models) {
    if (models.size <= maxModelsOfKey) break
    models.delete(eldest)
  }
}
