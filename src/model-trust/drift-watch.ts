/**
 * Watches, while a gateway runs, whether model servers serve the versions of models that are in the lock file.
 *
 * A server is asked every five seconds (`intervals.modelsMs`) and has a second to answer: a change is noticed within six
 * seconds. It is also asked after a response, at most once a second, so that a version that was swapped in and is still in
 * memory is noticed even if its tag was moved back. A server that has not told its models for 30 seconds is not trusted.
 */
import { Refusal } from '../core/refusal.ts'
import type { ServerKind } from '../core/servers.ts'
import type { ModelTrust, Policy, Upstream } from '../policy/policy.ts'
import { admitsBy } from './attestation/admission.ts'
import type { Attestation } from './attestation/statement.ts'
import { type Attestations, attestationsFolder, attestationsOf } from './attestation/store.ts'
import { type Doubt, inWords, judge, type KnownModels, lockFaultOf, type Place } from './judge.ts'
import { lockedAt } from './lock/lock.ts'
import { type LockState, lockStateOf } from './lock/lock-file.ts'
import { digestOf } from './parts.ts'

/** A model at a server that has begun, or ceased, to be another version than the lock says. */
export interface DriftChange extends Place {
  /** Undefined: it is trusted again. */
  readonly doubt: Doubt | undefined
}

/** What the watch works with. */
export interface DriftWatchParts {
  /** The policy in force. */
  policy(): Policy
  /** What a server has told. */
  known(upstream: Upstream): KnownModels
  /** Asks a server again, unless that was just done. */
  ask(upstream: Upstream): Promise<void>
  /** Monotonic milliseconds. */
  nowMs(): number
  /** Milliseconds since 1970: signed test runs have a date. */
  wallMs(): number
  readonly everyMs: number
  /** Told of every change, and of the first verdict where that is no trust. */
  onChange(change: DriftChange): void
  /** Told when the lock file ceases to be usable, with the reason, and when it is usable again, with none. */
  onLock(fault: string | undefined): void
}

/** Whether a model is trusted, for operators. */
export interface ModelStatus extends Place {
  readonly digest: string | null
  readonly locked: string | null
  readonly doubt: Doubt | undefined
}

/** More are told of nowhere; they are refused all the same. */
const maxTold = 1000
/** Names of one server's list that are looked at: a longer one is somebody trying. */
const maxLooks = 10_000

/** Decides which models may be served, and notices changes. */
export class DriftWatch {
  readonly #parts: DriftWatchParts
  #lock: LockState = { state: 'missing' }
  #tests: Attestations = { attestations: [], refused: [] }
  /** The same by model, because every request asks. */
  #testsByModel: ReadonlyMap<string, readonly Attestation[]> = new Map()
  /** The last verdict on each model that is looked after. */
  readonly #told = new Map<string, DriftChange>()
  #lockFault: string | undefined
  /** Origins of servers that are being asked after a response. */
  readonly #asking = new Set<string>()
  readonly #timer: NodeJS.Timeout

  constructor(parts: DriftWatchParts) {
    this.#parts = parts
    this.readLock()
    this.#timer = setInterval(() => void this.look(), parts.everyMs)
    this.#timer.unref()
  }

  /** The lock file as it was read last. */
  get lock(): LockState {
    return this.#lock
  }

  /** Reads the lock file again, and the signed test runs beside it. */
  readLock(): void {
    const { modelTrust } = this.#parts.policy()
    this.#lock = lockStateOf(modelTrust.lockFile)
    this.#tests = modelTrust.require.has('suite') ? testsOf(modelTrust) : { attestations: [], refused: [] }
    this.#testsByModel = byModel(this.#tests.attestations)
  }

  /** Signed test runs that count for nothing, with the reason. */
  get refusedTests(): Attestations['refused'] {
    return this.#tests.refused
  }

  /** Asks all servers, then compares. Never rejects. */
  async look(): Promise<void> {
    const { modelTrust, upstreams } = this.#parts.policy()
    if (isWatching(modelTrust)) await Promise.all(upstreams.map((upstream) => this.#parts.ask(upstream)))
    this.compare()
  }

  /** Compares after a response: what is in memory has answered. */
  answered(upstream: Upstream, { modelTrust }: Policy): void {
    if (!isWatching(modelTrust) || upstream.kind !== 'ollama' || this.#asking.has(upstream.origin)) return
    void this.#compareIfTold(upstream)
  }

  /** Every response asks for it, so nothing is compared that was compared before. Never rejects. */
  async #compareIfTold(upstream: Upstream): Promise<void> {
    const { toldAtMs } = this.#parts.known(upstream)
    this.#asking.add(upstream.origin)
    await this.#parts.ask(upstream)
    this.#asking.delete(upstream.origin)
    if (this.#parts.known(upstream).toldAtMs !== toldAtMs) this.compare()
  }

  /** Why this policy does not trust a model at a server; undefined: it does. */
  doubt(upstream: Upstream, model: string, trust: ModelTrust): Doubt | undefined {
    if (!isWatching(trust)) return undefined
    const place = { model, kind: upstream.kind, upstream: upstream.name }
    const known = this.#parts.known(upstream)
    return judge(place, known, this.#lock, this.#parts.nowMs()) ?? this.#untested(place, known, trust)
  }

  /** Of the locked version: whether a signed test run admits it. */
  #untested(
    { model: name }: Place,
    { listed }: KnownModels,
    { require, suite }: ModelTrust,
  ): Doubt | undefined {
    if (!require.has('suite') || suite === undefined) return undefined
    const digest = listed?.get(name)?.digest ?? ''
    const rule = { suite: suite.name, maxAgeMs: suite.maxAgeMs }
    const tests = { ...this.#tests, attestations: this.#testsByModel.get(name) ?? [] }
    const verdict = admitsBy({ name, digest }, tests, rule, this.#parts.wallMs())
    return verdict.admitted ? undefined : { kind: 'untested', why: verdict.reason }
  }

  /** Whether requests may go to a model at a server. */
  admits(upstream: Upstream, model: string, { modelTrust }: Policy): boolean {
    return modelTrust.onDrift === 'flag' || this.doubt(upstream, model, modelTrust) === undefined
  }

  /** Why requests for a model are refused at every server of a kind; undefined: at one of them they are not. */
  quarantine(model: string, kind: ServerKind, policy: Policy): string | undefined {
    const upstreams = policy.upstreams.filter((upstream) => upstream.kind === kind)
    if (upstreams.some((upstream) => this.admits(upstream, model, policy))) return undefined
    const [first] = upstreams
    const doubt = first && this.doubt(first, model, policy.modelTrust)
    return doubt && inWords(doubt)
  }

  /** Compares what the servers have told with the lock, and tells what has changed. */
  compare(): void {
    const { modelTrust } = this.#parts.policy()
    const fault = isWatching(modelTrust) && this.#lock.state !== 'read' ? lockFaultOf(this.#lock) : undefined
    if (fault !== this.#lockFault) {
      this.#lockFault = fault
      this.#parts.onLock(fault)
    }
    const seen = new Set<string>()
    for (const { model, kind, upstream, doubt } of this.statuses()) {
      // Nothing is known of a server that is silent, and what all of its models share is told once.
      if (doubt && ['unknown', 'no lock', 'unverifiable'].includes(doubt.kind)) continue
      const key = JSON.stringify([upstream, kind, model])
      seen.add(key)
      const before = this.#told.get(key)
      if (isSame(before?.doubt, doubt)) continue
      const change = { model, kind, upstream, doubt }
      this.#told.set(key, change)
      if (before !== undefined || doubt !== undefined) this.#parts.onChange(change)
    }
    for (const key of this.#told.keys()) if (!seen.has(key) && this.#isGone(key)) this.#told.delete(key)
  }

  /** Returns the status of every model that a role may use; none if nothing is compared. */
  statuses(): readonly ModelStatus[] {
    const { modelTrust, upstreams, roles } = this.#parts.policy()
    if (!isWatching(modelTrust)) return []
    const mayUse = (model: string, { kind }: Upstream) =>
      [...roles.values()].some((role) => role.mayUse(model, kind))
    const found: ModelStatus[] = []
    for (const upstream of upstreams) {
      const { listed } = this.#parts.known(upstream)
      let looks = 0
      for (const [model, { digest }] of listed ?? []) {
        if (found.length >= maxTold || ++looks > maxLooks) break
        if (!mayUse(model, upstream)) continue
        const doubt = this.doubt(upstream, model, modelTrust)
        const place = { model, kind: upstream.kind, upstream: upstream.name }
        const named = { ...place, name: model, digest: digestOf(digest) }
        const locked = this.#lock.state === 'read' ? lockedAt(this.#lock.lock, named) : undefined
        found.push({ ...place, digest, locked: locked?.digest ?? null, doubt })
      }
    }
    return found
  }

  close(): void {
    clearInterval(this.#timer)
  }

  /** Whether the server has told, and does not have it any more. */
  #isGone(key: string): boolean {
    const [name, kind, model] = JSON.parse(key) as readonly [string, string, string]
    const upstream = this.#parts.policy().upstreams.find((each) => each.name === name && each.kind === kind)
    const listed = upstream && this.#parts.known(upstream).listed
    return upstream === undefined || (listed !== undefined && !listed.has(model))
  }
}

/** A test run is of one digest, so `suite` alone needs it, too. */
function isWatching({ require }: ModelTrust): boolean {
  return require.size > 0
}

/** Test runs that cannot be read count for nothing. */
function testsOf({ lockFile, signingFile }: ModelTrust): Attestations {
  try {
    return attestationsOf(lockFile, signingFile)
  } catch {
    const fault = 'the signed test runs cannot be read'
    return { attestations: [], refused: [{ file: attestationsFolder(lockFile), reason: fault }], fault }
  }
}

function byModel(attestations: readonly Attestation[]): ReadonlyMap<string, readonly Attestation[]> {
  const found = new Map<string, Attestation[]>()
  for (const each of attestations) {
    const same = found.get(each.model)
    if (same) same.push(each)
    else found.set(each.model, [each])
  }
  return found
}

function isSame(a: Doubt | undefined, b: Doubt | undefined): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}

/** Returns how a request for a model is refused that is not trusted. */
export function quarantineRefusal(doubt: Doubt): Refusal {
  if (doubt.kind === 'unknown')
    return new Refusal('upstream_unavailable', {
      say: 'The model server does not tell which models it serves, so this model cannot be verified. Try again later.',
      retryAfterSeconds: 5,
    })
  if (doubt.kind === 'drifted' || doubt.kind === 'loaded')
    return new Refusal('model_quarantined', { detail: inWords(doubt) })
  return new Refusal('model_quarantined', { say: sentences[doubt.kind], detail: inWords(doubt) })
}

const sentences = {
  unlocked: 'This model is not in the lock file, so it is quarantined.',
  untested: 'This version of the model has no valid test run, so it is quarantined.',
  unverifiable: 'It cannot be verified which version of this model is served, so it is quarantined.',
  'no lock': 'The lock file of models cannot be used, so every model is quarantined.',
} as const
