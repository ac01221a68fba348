/**
 * Starts the workers of a gateway and replaces those that die, after a pause that grows while a worker keeps dying. A
 * worker that does not take a change of policy or keys, does not obey a freeze or does not answer at all is replaced too,
 * so that all serve by the same.
 */
import { answerTimeoutMs, type Channel, type Handlers, openChannel, type Port } from './channel.ts'

/** A process that was forked. */
export interface WorkerProcess extends Port {
  readonly pid: number | undefined
  /** Ends it at once. */
  kill(): void
  /** Called once, when it is gone. */
  onExit(listener: (code: number | null, signal: string | null) => void): void
}

/** Forks this program. */
export interface WorkerHost {
  /** @param worker its number, from 1 */
  fork(worker: number): WorkerProcess
}

/** Identifies the policy and keys that a process serves by; compared for equality only. */
export type ConfigFingerprint = string

/** How a worker ended. */
export interface Ended {
  readonly worker: number
  readonly code: number | null
  readonly signal: string | null
}

/** What the primary answers one worker. */
export interface WorkerService {
  readonly handlers: Handlers
  /** The worker is gone: what it held is free. */
  release(): void
}

/** What a supervisor works with. */
export interface SupervisorOptions {
  readonly count: number
  readonly host: WorkerHost
  serve(worker: number): WorkerService
  /** Of what the primary serves by; reads its files again if they have changed. */
  fingerprint(): ConfigFingerprint
  /** Told of every start. @param instance of its chain */
  onStarted(worker: number, pid: number | undefined, instance: string): void
  /** Told of an end that was not wanted, before the replacement is started. */
  onEnded(ended: Ended): Promise<void>
  /** Told why a worker is replaced. */
  onRetired(worker: number, why: string): void
  /** How long workers that drain are waited for, in milliseconds. */
  drainMs(): number
  /** The first pause before a worker that has died soon is started again, in milliseconds. */
  readonly pauseMs?: number
  /** How long a worker may take to say that it lives, in milliseconds; it is asked six times as often. */
  readonly hangMs?: number
  /** How long a worker may take to obey a freeze, in milliseconds. */
  readonly obeyMs?: number
}

const standardPauseMs = 250
const maxPauseMs = 30_000
/** A worker that lived longer did not fail to start, so its replacement starts at once. */
const soonMs = 10_000
/** How long a worker may take to read policy and keys, on a machine that is busy. */
const reloadMs = 60_000
const hearingMs = 500
/** Nothing that a worker does keeps its event loop for so long: long texts are read in turns. */
const standardHangMs = 30_000

interface Member {
  readonly worker: number
  readonly child: WorkerProcess
  readonly channel: Channel
  readonly service: WorkerService
  readonly startedAtMs: number
  state: 'starting' | 'ready' | 'leaving'
  /** It was asked whether it lives, and has not answered yet. */
  isAsked: boolean
}

/** Keeps the workers of one gateway. */
export class Supervisor {
  readonly #options: SupervisorOptions
  readonly #members = new Map<number, Member>()
  /** How many times in a row each worker died within `soonMs`. */
  readonly #deaths = new Map<number, number>()
  readonly #pauses = new Set<NodeJS.Timeout>()
  /** Reloads run one after the other. */
  #telling: Promise<void> = Promise.resolve()
  #hearing: Promise<void> | undefined
  #pulse: NodeJS.Timeout | undefined
  #stopping = false
  #onGone: (() => void) | undefined
  /** Set during the first start: a worker that dies then ends the start instead of being replaced. */
  #opening: { resolve(url: string): void; reject(error: Error): void } | undefined

  constructor(options: SupervisorOptions) {
    this.#options = options
  }

  /** How many workers serve. */
  get ready(): number {
    return this.#serving().length
  }

  /** Starts all. @returns the URL they listen on @throws Error if one of them cannot start */
  start(): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#opening = { resolve, reject }
      for (let worker = 1; worker <= this.#options.count; worker++) this.#fork(worker)
      const { hangMs = standardHangMs } = this.#options
      this.#pulse = setInterval(() => this.#feelPulse(hangMs), hangMs / 6)
      this.#pulse.unref()
    })
  }

  /** Resolves when every worker serves by what the primary does, or is being replaced. Never rejects. */
  reload(): Promise<void> {
    this.#telling = this.#telling.then(async () => {
      await Promise.all(this.#serving().map((member) => this.#bringUp(member)))
    })
    return this.#telling
  }

  /** Resolves when every worker has read the file of freezes: one that does not is ended. Never rejects. */
  async readFreezes(): Promise<void> {
    const { obeyMs = answerTimeoutMs } = this.#options
    const members = [...this.#members.values()].filter(({ state }) => state !== 'starting')
    await Promise.all(
      members.map((member) =>
        member.channel
          .ask('worker.freezes', [], obeyMs)
          .catch(() => this.#end(member, 'it does not read a freeze')),
      ),
    )
  }

  /** Asks all workers that serve. @returns the answers by number of the worker; those that did not answer are missing */
  async collect<T>(name: string, values: readonly unknown[], withinMs?: number): Promise<Map<number, T>> {
    const answers = new Map<number, T>()
    await Promise.all(
      this.#serving().map(async ({ worker, channel }) => {
        try {
          answers.set(worker, await channel.ask<T>(name, values, withinMs))
        } catch {
          // It is gone or too busy: left out of the result.
        }
      }),
    )
    return answers
  }

  /**
   * Resolves when everything that workers have told so far has arrived, because messages keep their order. A worker that is
   * too busy is not waited for. Calls of the same turn share one question.
   */
  heardAll(): Promise<void> {
    if (!this.#hearing) {
      this.#hearing = this.collect('worker.heard', [], hearingMs).then(() => {})
      setImmediate(() => {
        this.#hearing = undefined
      })
    }
    return this.#hearing
  }

  /** Asks one worker. @throws as `Channel.ask`; an Error if it does not serve */
  ask<T>(worker: number, name: string, values: readonly unknown[]): Promise<T> {
    const member = this.#members.get(worker)
    if (member?.state !== 'ready') return Promise.reject(new Error(`worker ${worker} is not running`))
    return member.channel.ask<T>(name, values)
  }

  /** Tells all. */
  tell(name: string, values: readonly unknown[] = []): void {
    for (const { channel } of this.#members.values()) channel.tell(name, values)
  }

  /** Lets all finish what they serve. Resolves when they are gone. */
  async stop(): Promise<void> {
    this.#stopping = true
    clearInterval(this.#pulse)
    for (const pause of this.#pauses) clearTimeout(pause)
    if (this.#members.size === 0) return
    const gone = new Promise<void>((resolve) => {
      this.#onGone = resolve
    })
    for (const member of this.#members.values()) {
      if (member.state === 'starting') member.child.kill()
      else if (member.state === 'ready') member.channel.tell('worker.drain', [{ notice: true }])
      member.state = 'leaving'
    }
    const late = setTimeout(() => this.#killAll(), this.#options.drainMs())
    await gone
    clearTimeout(late)
  }

  #serving(): Member[] {
    return [...this.#members.values()].filter(({ state }) => state === 'ready')
  }

  #killAll(): void {
    for (const { child } of this.#members.values()) child.kill()
  }

  #fork(worker: number): void {
    const child = this.#options.host.fork(worker)
    const service = this.#options.serve(worker)
    const channel = openChannel(child, {
      ...service.handlers,
      'worker.join': (fingerprint: ConfigFingerprint) => this.#isCurrent(fingerprint),
      'worker.listening': (url: string, instance: string) => this.#listens(member, url, instance),
    })
    const member: Member = {
      ...{ worker, child, channel, service },
      startedAtMs: performance.now(),
      state: 'starting',
      isAsked: false,
    }
    this.#members.set(worker, member)
    child.onExit((code, signal) => void this.#ended(member, code, signal))
  }

  #listens(member: Member, url: string, instance: string): void {
    if (member.state !== 'starting') return
    member.state = 'ready'
    this.#options.onStarted(member.worker, member.child.pid, instance)
    // Files may have changed since it joined, and freezes since it started.
    void this.reload()
    member.channel.tell('worker.freezes', [])
    if (this.ready < this.#options.count) return
    this.#opening?.resolve(url)
    this.#opening = undefined
  }

  #isCurrent(fingerprint: ConfigFingerprint): boolean {
    return this.#options.fingerprint() === fingerprint
  }

  async #bringUp(member: Member): Promise<void> {
    try {
      // Twice: the files may change between the two readings.
      for (let left = 2; left > 0; left--) {
        const fingerprint = await member.channel.ask<ConfigFingerprint>('worker.reload', [], reloadMs)
        if (this.#isCurrent(fingerprint)) return
      }
      this.#retire(member, 'it does not serve by the policy and keys in force')
      // It must accept no more requests by an outdated policy.
      member.channel.tell('worker.drain', [{ notice: false }])
    } catch {
      if (member.state === 'ready') this.#end(member, 'it does not answer')
    }
  }

  /** Ends workers whose event loop does not turn: a process that hangs keeps its connections and answers none. */
  #feelPulse(hangMs: number): void {
    for (const member of this.#serving()) {
      if (member.isAsked) continue
      member.isAsked = true
      member.channel.ask('worker.heard', [], hangMs).then(
        () => {
          member.isAsked = false
        },
        () => this.#end(member, 'it does not answer'),
      )
    }
  }

  /** Ends a worker at once, unless it is gone. */
  #end(member: Member, why: string): void {
    if (this.#members.get(member.worker) !== member) return
    if (member.state === 'ready') this.#retire(member, why)
    member.child.kill()
  }

  #retire(member: Member, why: string): void {
    member.state = 'leaving'
    this.#options.onRetired(member.worker, why)
    setTimeout(() => {
      if (this.#members.get(member.worker) === member) member.child.kill()
    }, this.#options.drainMs()).unref()
  }

  async #ended(member: Member, code: number | null, signal: string | null): Promise<void> {
    const { worker, channel, service, startedAtMs, state } = member
    channel.close()
    service.release()
    this.#members.delete(worker)
    if (this.#stopping) {
      if (this.#members.size === 0) this.#onGone?.()
      return
    }
    if (this.#opening) {
      this.#opening.reject(new Error(`worker ${worker} could not start; see the log`))
      this.#opening = undefined
      this.#stopping = true
      this.#killAll()
      return
    }
    const livedMs = performance.now() - startedAtMs
    const deaths = livedMs < soonMs ? (this.#deaths.get(worker) ?? 0) + 1 : 0
    this.#deaths.set(worker, deaths)
    if (state !== 'leaving' || code !== 0) await this.#options.onEnded({ worker, code, signal })
    this.#forkLater(worker, deaths)
  }

  #forkLater(worker: number, deaths: number): void {
    if (this.#stopping) return
    const { pauseMs = standardPauseMs } = this.#options
    const ms = deaths === 0 ? 0 : Math.min(pauseMs * 2 ** (deaths - 1), maxPauseMs)
    const pause = setTimeout(() => {
      this.#pauses.delete(pause)
      this.#fork(worker)
    }, ms)
    this.#pauses.add(pause)
  }
}
