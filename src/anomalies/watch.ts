/**
 * Watches for anomalies: takes observations of finished requests, has the detector look at them once a second, keeps what it has
 * learned, and tells of what begins and ends. There is one in a gateway. With Redis, all gateways of a fleet look at the
 * requests of all, and one of them tells.
 */
import { hash } from 'node:crypto'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Clock } from '../core/clock.ts'
import { replaceLargeFile } from '../files/atomic.ts'
import type { AnomalySettings } from '../policy/notifications.ts'
import type { Anomaly, Learning, Subject } from './anomaly.ts'
import { AnomalyDetector } from './detector.ts'
import { NetworkDigests } from './network-digests.ts'
import type { Observation } from './observation.ts'
import { type ObservationBatch, ObservationQueue } from './observation-queue.ts'
import { overlapMs, RecentIds } from './recent-ids.ts'
import type { SharedObservations } from './shared-observations.ts'
import { emptyState, readStateFile, stateText, type WatchState } from './state-file.ts'

/** Baselines that begin to learn, and those that have seen enough. */
export interface LearningChange {
  readonly begun: readonly Subject[]
  readonly learned: readonly Subject[]
}

/** What a watch works with. */
export interface WatchOptions {
  /** The settings in force. */
  settings(): AnomalySettings
  /** Where the state is kept. */
  readonly file: string
  /** Undefined: this gateway stands alone. */
  readonly shared: SharedObservations | undefined
  readonly clock: Clock
  /** Between two looks, and between two saves; milliseconds. */
  readonly everyMs: number
  readonly saveMs: number
  /** Reads from the log what was observed since then. */
  replay(sinceMs: number): AsyncIterable<Observation>
  /** Told when an anomaly begins, and when it is over; each once in a fleet. */
  onChange(anomaly: Anomaly): void
  /** Told at most once a minute. */
  onLearning(change: LearningChange): void
  /** Told how many anomalies are open, after each look. */
  onOpen(count: number): void
  /** Told how many observations did not fit. */
  onDropped(count: number): void
  /** Told that Redis does not take or return observations, once until it does. */
  onUnshared(error: unknown): void
  report(problem: string, error?: unknown): void
}

const maxWaiting = 20_000
/** Observations of a minute may come so late: workers and other gateways send theirs once a second. */
const lateMs = 3000
/** Observations between two turns of the event loop. */
const slice = 200
const minuteMs = 60_000
/** A state of many megabytes takes long to write: it is written less often, so that it takes half a percent of the time. */
const pauseFactor = 200
const maxSaveMs = 30 * minuteMs
const maxReplayMs = 60 * minuteMs
/** How long gateways remember that one of them has told. */
const claimMs = 10 * minuteMs

/** Makes the digest of a network, if it is not one already. */
type DigestOf = (network: string) => string

/** The watch of a gateway. */
export class AnomalyWatch {
  readonly #options: WatchOptions
  readonly #queue = new ObservationQueue(maxWaiting)
  readonly #recent = new RecentIds()
  readonly #digestOf: DigestOf = (network) => this.#digests.of(network)
  #detector: AnomalyDetector
  #state: WatchState
  #digests: NetworkDigests
  #position: string
  #tickedMs = 0
  #saveAtMs: number
  #minuteMs = 0
  #learning: ReadonlyMap<string, Subject>
  #timer: NodeJS.Timeout | undefined
  #turn: Promise<void> = Promise.resolve()
  #isBusy = false
  #isJoined: boolean
  #isFailing = false
  #isUnshared = false
  #isLeft = false

  constructor(options: WatchOptions) {
    this.#options = options
    this.#state = this.#readState()
    this.#detector = this.#detectorOf(this.#state)
    this.#digests = new NetworkDigests(this.#state.salt)
    this.#position = this.#state.position
    this.#saveAtMs = options.clock.monotonicMs() + options.saveMs
    this.#learning = this.#learners()
    this.#isJoined = options.shared === undefined
  }

  /** Reads what the log has since the last save, and begins to look. */
  start(): void {
    this.#run(() => this.#catchUp())
    this.#timer = setInterval(() => this.#look(), this.#options.everyMs)
    this.#timer.unref()
  }

  /** Takes observations, with networks as they are: only digests of them are kept. */
  take(batch: ObservationBatch): void {
    this.#queue.putAll(batch)
  }

  put(observation: Observation): void {
    this.#queue.put(observation)
  }

  list(): readonly Anomaly[] {
    return this.#detector.list()
  }

  learning(): readonly Learning[] {
    return this.#detector.learning()
  }

  /** Leaves the saved state to another process, which observes from now on. */
  leave(): void {
    clearInterval(this.#timer)
    this.#isLeft = true
  }

  /** Looks at what waits, and saves. */
  async close(): Promise<void> {
    clearInterval(this.#timer)
    await this.#turn
    if (this.#isLeft || this.#options.settings().mode === 'off') return
    this.#run(async () => {
      await this.#lookNow()
      await this.#save()
    })
    await this.#turn
  }

  #look(): void {
    if (!this.#isBusy) this.#run(() => this.#lookNow())
  }

  #run(work: () => Promise<void>): void {
    this.#isBusy = true
    const attempt = async () => {
      try {
        await work()
        this.#isFailing = false
      } catch (error) {
        if (!this.#isFailing) this.#options.report('the watch for anomalies failed; it goes on', error)
        this.#isFailing = true
      } finally {
        this.#isBusy = false
      }
    }
    this.#turn = this.#turn.then(attempt)
  }

  async #lookNow(): Promise<void> {
    const { settings, clock, shared, onDropped, onOpen } = this.#options
    const { observations, dropped } = this.#queue.take()
    if (dropped > 0) onDropped(dropped)
    const { mode, perWeek } = settings()
    if (mode === 'off') return onOpen(0)
    this.#detector.configure({ perWeek })
    if (shared) {
      const own = observations.map((each) => this.#withDigest(each))
      await this.#observeAll(await this.#exchange(own, shared), (digest) => digest)
    } else await this.#observeAll(observations, this.#digestOf)
    await this.#tick(clock.wallMs() - lateMs)
    onOpen(this.list().filter(({ state }) => state === 'open').length)
    await this.#tellLearning()
    if (clock.monotonicMs() >= this.#saveAtMs) await this.#save()
  }

  #withDigest(observation: Observation): Observation {
    const { network } = observation
    return network === null ? observation : { ...observation, network: this.#digestOf(network) }
  }

  /** @returns what to look at: of all gateways, or of this one while it is alone */
  async #exchange(own: readonly Observation[], shared: SharedObservations): Promise<readonly Observation[]> {
    try {
      if (!this.#isJoined) await this.#join(shared)
      await shared.publish(own)
    } catch (error) {
      if (!this.#isUnshared) this.#options.onUnshared(error)
      this.#isUnshared = true
      // Better its own requests than none.
      return own
    }
    this.#isUnshared = false
    return this.#readShared(shared)
  }

  async #readShared(shared: SharedObservations): Promise<readonly Observation[]> {
    const all: Observation[] = []
    try {
      for (let isFull = true; isFull && all.length < maxWaiting; ) {
        const part = await shared.read(this.#position)
        all.push(...part.observations)
        this.#position = part.position
        isFull = part.isFull
      }
    } catch {
      // What follows is read the next time.
    }
    return all
  }

  /** Takes over what the gateways of this Redis have learned, if that is more recent, and their salt. */
  async #join(shared: SharedObservations): Promise<void> {
    const salt = await shared.salt(this.#state.salt)
    const found = await shared.loadState().catch(() => undefined)
    if (found?.salt === salt && (found.savedMs > this.#state.savedMs || this.#state.salt !== salt))
      this.#begin(found)
    // Networks under another salt would all be new.
    else if (this.#state.salt !== salt) this.#begin({ ...emptyState(), salt })
    this.#isJoined = true
  }

  #begin(state: WatchState): void {
    this.#state = state
    this.#detector = this.#detectorOf(state)
    this.#digests = new NetworkDigests(state.salt)
    this.#position = state.position
    this.#learning = this.#learners()
  }

  async #observeAll(observations: readonly Observation[], digestOf: DigestOf): Promise<void> {
    const { clock } = this.#options
    let nowMs = clock.wallMs()
    for (const [index, observation] of observations.entries()) {
      // The clock of another gateway may be ahead.
      const atMs = Math.min(observation.atMs, nowMs)
      // What is read late closes its minutes one by one.
      if (this.#tickedMs > 0 && atMs - lateMs >= this.#tickedMs + minuteMs) await this.#tick(atMs - lateMs)
      const { id, network } = observation
      this.#recent.add(id, nowMs)
      this.#detector.observe(observation, atMs, network === null ? null : digestOf(network))
      if (index % slice < slice - 1) continue
      await nextTurn()
      nowMs = clock.wallMs()
    }
  }

  async #tick(nowMs: number): Promise<void> {
    this.#tickedMs = nowMs
    for (const anomaly of this.#detector.tick(nowMs)) {
      const { kind, subject, state } = anomaly
      const what = hash('sha256', JSON.stringify([kind, subject.kind, subject.id]), 'base64url')
      if (await this.#claim(`${state}:${what}`, claimMs)) this.#options.onChange(anomaly)
    }
  }

  /** Whether this gateway tells of something. Twice is better than never. */
  async #claim(what: string, forMs: number): Promise<boolean> {
    const { shared } = this.#options
    return shared ? shared.claim(what, forMs).catch(() => true) : true
  }

  #learners(): ReadonlyMap<string, Subject> {
    return new Map(this.#detector.learning().map(({ subject }) => [`${subject.kind} ${subject.id}`, subject]))
  }

  async #tellLearning(): Promise<void> {
    const nowMs = this.#options.clock.wallMs()
    if (Math.abs(nowMs - this.#minuteMs) < minuteMs) return
    this.#minuteMs = nowMs
    const [before, after] = [this.#learning, this.#learners()]
    this.#learning = after
    const missing = (from: typeof before, all: typeof before) =>
      [...all].flatMap(([name, subject]) => (from.has(name) ? [] : [subject]))
    const change = { begun: missing(before, after), learned: missing(after, before) }
    if (change.begun.length + change.learned.length === 0) return
    if (await this.#claim('learning', minuteMs / 2)) this.#options.onLearning(change)
  }

  async #catchUp(): Promise<void> {
    const { settings, replay, clock, shared } = this.#options
    const { savedMs, recent } = this.#state
    if (shared || savedMs === 0 || settings().mode === 'off') return
    const known = new Set(recent)
    const sinceMs = Math.max(savedMs - overlapMs, clock.wallMs() - maxReplayMs)
    this.#tickedMs = sinceMs
    let read: Observation[] = []
    for await (const observation of replay(sinceMs)) {
      if (known.has(observation.id)) continue
      read.push(observation)
      if (read.length < slice) continue
      await this.#observeAll(read, this.#digestOf)
      read = []
    }
    await this.#observeAll(read, this.#digestOf)
  }

  async #save(): Promise<void> {
    const { file, shared, clock, saveMs } = this.#options
    const beganMs = clock.monotonicMs()
    const state = {
      savedMs: clock.wallMs(),
      salt: this.#state.salt,
      position: this.#position,
      recent: this.#recent.list(),
    }
    // Nothing is observed meanwhile: looks and saves follow each other.
    const text = await stateText(state, this.#detector.stateParts())
    const tookMs = clock.monotonicMs() - beganMs
    this.#saveAtMs = clock.monotonicMs() + Math.min(Math.max(saveMs, tookMs * pauseFactor), maxSaveMs)
    await replaceLargeFile(file, text)
    if (shared && (await shared.claim('saver', saveMs / 2).catch(() => false)))
      await shared.saveState(text).catch(() => {})
  }

  #readState(): WatchState {
    const { file, report } = this.#options
    try {
      return readStateFile(file) ?? emptyState()
    } catch (error) {
      report('what was learned about anomalies cannot be read; it is learned anew', error)
      return emptyState()
    }
  }

  #detectorOf({ detector }: WatchState): AnomalyDetector {
    const { settings, clock, report } = this.#options
    const { perWeek } = settings()
    const made = new AnomalyDetector({ perWeek, nowMs: clock.wallMs(), state: detector })
    if (made.startedAnew) report('baselines were saved by another version; they are learned anew')
    return made
  }
}
