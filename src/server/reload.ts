/**
 * What a reload replaces: the policy and the keys. Requests see one snapshot each; a reload swaps the reference.
 *
 * The two files are judged apart: a policy with a mistake leaves the old policy in force, and must not keep a
 * leaked key from being revoked.
 */
import { existsSync } from 'node:fs'
import type { KeyFiles } from '../auth/api-keys/key-events.ts'
import { keysWithoutRole, readKeyFile, unknownPeople } from '../auth/api-keys/key-file.ts'
import { createKeyRing } from '../auth/api-keys/key-ring.ts'
import { type RevokedToken, readRevokedTokens, revokedTokensFile } from '../auth/tokens/revoked-tokens.ts'
import { signingKeysFile } from '../auth/tokens/signing-keys.ts'
import type { Intervals } from '../core/intervals.ts'
import { lookAt, lookAtFiles, statesOf, type Watch } from '../files/watch.ts'
import type { Snapshot } from '../pipeline/context.ts'
import { exceptionsFile } from '../policy/exceptions.ts'
import { isPlain, isShort, minTokenLength, plainHttp } from '../policy/lint.ts'
import { loadPolicy } from '../policy/load.ts'
import type { Variables } from '../policy/locate.ts'
import type { Address, Policy } from '../policy/policy.ts'
import { PolicyError } from '../policy/problem.ts'
import { testsFileOf } from '../policy/tests/test-file.ts'
import type { PolicyTestGate } from './policy-tests.ts'

/** Where policy and keys are read from. */
export interface SnapshotOptions {
  readonly policyFile: string
  readonly variables: Variables
  /** Instead of what the policy says, from the command line. */
  readonly listen?: Address
  readonly admin?: Address
  readonly intervals: Pick<Intervals, 'filesMs'>
  readonly tests: Pick<PolicyTestGate, 'admits' | 'settled'>
  /** Epoch milliseconds. */
  now(): number
}

/** How the last reading went; shown at `/readyz`. */
export interface LoadedFiles {
  readonly ok: boolean
  readonly at: string
  /** Of the first mistake. */
  readonly place?: string
}

/** One reload, as it is told in log, metrics and audit. */
export interface Reloaded {
  readonly before: Policy
  readonly snapshot: Snapshot
  /** Empty if both files were taken; else why the old ones stay. */
  readonly problems: readonly string[]
  /** Nothing but files of keys has changed, of which `change-record.ts` tells more. */
  readonly keysOnly: boolean
}

/** States of the files that are in force. */
export interface Taken {
  readonly keys: string
  readonly revoked: string
  /** Of exceptions from the prompt guard, which are part of the policy. */
  readonly exceptions: string
}

/** The policy and keys in force, and their files. */
export interface Snapshots {
  readonly current: Snapshot
  readonly reading: LoadedFiles
  /** What stands in the files of keys that are in force. */
  readonly keyFiles: Pick<KeyFiles, 'keys' | 'revoked'>
  /** The states (`files/state.ts`) in which the files were read that are in force. */
  readonly taken: Taken
  /** What the operator should know of the files in force. */
  readonly warnings: readonly string[]
  /** Text of the policy file in force, and since when it is, RFC 3339. */
  readonly policyText: { readonly text: string; readonly loadedAt: string }
  /** Why the last reading was not taken as a whole; empty: it was. */
  readonly problems: readonly string[]
  /** @returns why not all of it was taken; a policy whose tests still run may be taken later (`settled`) */
  reload(): readonly string[]
  /** Resolves when no policy waits for its tests. Never rejects. */
  settled(): Promise<void>
  /** Reloads now, if a file has changed: for what must not happen before the next look at them. */
  look(): void
  /** Starts to follow the files. Reloads at once if one of them has changed since it was read. */
  watch(onReload: (reloaded: Reloaded) => void): void
  /** Only tells of what `reload` and `look` have found. */
  listen(onReload: (reloaded: Reloaded) => void): void
  close(): void
}

/**
 * Reads the files; nothing changes before `watch`, so that whoever is told of a change exists by then.
 * @throws PolicyError for the policy, TypeError for the keys
 */
export function createSnapshots(options: SnapshotOptions): Snapshots {
  return new FileSnapshots(options)
}

class FileSnapshots implements Snapshots {
  readonly #options: SnapshotOptions
  readonly #atStart: Policy
  #current: Snapshot
  #entries: KeyFiles['keys']
  #revoked: readonly RevokedToken[]
  #warnings: readonly string[]
  #policyText: Snapshots['policyText']
  #problems: readonly string[] = []
  #taken: Taken
  #reading: LoadedFiles
  #watched: readonly string[]
  /** Their states when they were read. */
  #seen: string
  #watching: Watch | undefined
  #onReload: ((reloaded: Reloaded) => void) | undefined
  #isClosed = false

  constructor(options: SnapshotOptions) {
    this.#options = options
    // Before it is read: what changes meanwhile is looked at again.
    const ofPolicy = [options.policyFile, exceptionsFile(options.policyFile)]
    const policyState = statesOf(ofPolicy)
    const exceptions = lookAt(exceptionsFile(options.policyFile))
    const { policy, text } = readPolicy(options)
    this.#policyText = { text, loadedAt: new Date(options.now()).toISOString() }
    this.#atStart = policy
    this.#watched = filesOf(options, policy)
    this.#seen = [policyState, statesOf(this.#watched.slice(ofPolicy.length))].join('\n')
    this.#taken = { ...takenOf(policy), exceptions }
    this.#revoked = readRevoked(policy, [])
    const { entries, keys, warnings } = readKeys(policy, this.#revoked, options)
    this.#entries = entries
    this.#current = Object.freeze({ policy, keys })
    this.#warnings = [...policy.warnings, ...warnings]
    this.#reading = { ok: true, at: new Date(options.now()).toISOString() }
  }

  get current(): Snapshot {
    return this.#current
  }

  get reading(): LoadedFiles {
    return this.#reading
  }

  get keyFiles(): Pick<KeyFiles, 'keys' | 'revoked'> {
    return { keys: this.#entries, revoked: this.#revoked }
  }

  get taken(): Taken {
    return this.#taken
  }

  get warnings(): readonly string[] {
    return this.#warnings
  }

  get policyText(): Snapshots['policyText'] {
    return this.#policyText
  }

  get problems(): readonly string[] {
    return this.#problems
  }

  readonly reload = (): readonly string[] => {
    const before = this.#current.policy
    // Before they are read: what changes meanwhile is looked at again.
    const states = statesOf(this.#watched)
    const exceptions = lookAt(before.exceptions.file)
    const keysOnly = areKeysOnly(this.#watched, this.#seen, states, before)
    this.#seen = states
    const takenBefore = this.#taken
    const { failures, isTested } = this.#readAgain(before, exceptions)
    // It is told of when its tests are done; keys that have changed meanwhile hold at once.
    if (!isTested && failures.length === 0 && areSameKeys(takenBefore, this.#taken)) return []
    this.#reading = {
      ok: failures.length === 0,
      at: new Date(this.#options.now()).toISOString(),
      ...(failures.length > 0 ? { place: placeOf(failures[0]) } : {}),
    }
    this.#watchAgain()
    const problems = failures.flatMap(problemsOf)
    this.#problems = problems
    this.#onReload?.({ before, snapshot: this.#current, problems, keysOnly })
    return problems
  }

  // Not for what was seen already.
  readonly look = (): void => {
    if (statesOf(this.#watched) !== this.#seen) this.reload()
  }

  // What was looked at off the event loop may be older than what was read meanwhile: so one more look.
  readonly #compare = (states: string): void => {
    if (states !== this.#seen) this.look()
  }

  listen(onReload: (reloaded: Reloaded) => void): void {
    this.#onReload = onReload
  }

  watch(onReload: (reloaded: Reloaded) => void): void {
    this.listen(onReload)
    this.#watching = lookAtFiles(this.#watched, this.#compare, this.#options.intervals.filesMs)
    this.look()
  }

  settled(): Promise<void> {
    return this.#options.tests.settled()
  }

  /** Reads everything again when tests are done. */
  readonly #onTested = (): void => {
    if (!this.#isClosed) this.reload()
  }

  readonly close = (): void => {
    this.#isClosed = true
    this.#watching?.close()
  }

  /**
   * Takes of policy, keys and revoked tokens what can be read, and has passed its tests.
   * @returns why something was not taken, and whether the policy's tests are done
   */
  #readAgain(before: Policy, exceptions: string): { failures: readonly unknown[]; isTested: boolean } {
    const failures: unknown[] = []
    const attempt = <T>(read: () => T): T | undefined => {
      try {
        return read()
      } catch (error) {
        failures.push(error)
        return undefined
      }
    }
    let isTested = true
    const read = attempt(() => {
      const found = readPolicy(this.#options)
      isTested = this.#options.tests.admits(found.policy, this.#onTested) === 'yes'
      return isTested ? found : undefined
    })
    if (read && read.text !== this.#policyText.text)
      this.#policyText = { text: read.text, loadedAt: new Date(this.#options.now()).toISOString() }
    const policy = read?.policy ?? before
    const nowTaken = takenOf(policy)
    const revoked = attempt(() => readRevoked(policy, this.#revoked))
    this.#revoked = revoked ?? this.#revoked
    const keys = attempt(() => this.#readKeys(policy))
    this.#current = Object.freeze({ policy, keys: keys?.keys ?? this.#current.keys })
    this.#entries = keys?.entries ?? this.#entries
    this.#taken = {
      keys: keys ? nowTaken.keys : this.#taken.keys,
      revoked: revoked ? nowTaken.revoked : this.#taken.revoked,
      exceptions: policy === before ? this.#taken.exceptions : exceptions,
    }
    this.#warnings = [...policy.warnings, ...waitForRestart(this.#atStart, policy), ...(keys?.warnings ?? [])]
    return { failures, isTested }
  }

  #readKeys(policy: Policy): ReturnType<typeof readKeys> {
    const read = readKeys(policy, this.#revoked, this.#options)
    // A file that was mislaid must not lock everybody out.
    if (read.keys.size === 0 && this.#current.keys.size > 0 && !existsSync(policy.keysFile))
      throw new TypeError(`${policy.keysFile} is gone; the keys it held stay in force`)
    return read
  }

  /** Another policy may name other files. */
  #watchAgain(): void {
    const files = filesOf(this.#options, this.#current.policy)
    if (files.join('\n') === this.#watched.join('\n')) return
    this.#watched = files
    this.#seen = ''
    this.#watching?.close()
    this.#watching &&= lookAtFiles(files, this.#compare, this.#options.intervals.filesMs)
  }
}

/** Whose change is a reason to read everything again. */
function filesOf(
  { policyFile }: SnapshotOptions,
  { keysFile, secretFiles, promptGuard, personalData, roles, exceptions, mustPassTests }: Policy,
): readonly string[] {
  const guards = [promptGuard, ...[...roles.values()].map((role) => role.promptGuard)]
  const packFiles = new Set(guards.flatMap((guard) => guard.packFiles))
  const besideKeys = [revokedTokensFile(keysFile), signingKeysFile(keysFile)]
  const namesFile = personalData.namesFile === undefined ? [] : [personalData.namesFile]
  const tests = mustPassTests ? [testsFileOf(policyFile)] : []
  const others = [...secretFiles, ...packFiles, ...namesFile, ...tests]
  return [policyFile, exceptions.file, keysFile, ...besideKeys, ...others]
}

function areSameKeys(one: Taken, other: Taken): boolean {
  return one.keys === other.keys && one.revoked === other.revoked
}

function takenOf({ keysFile }: Policy) {
  return { keys: lookAt(keysFile), revoked: lookAt(revokedTokensFile(keysFile)) }
}

/** Whether something has changed, and all of it is keys. */
function areKeysOnly(files: readonly string[], before: string, now: string, { keysFile }: Policy): boolean {
  const ofKeys = new Set([keysFile, revokedTokensFile(keysFile), signingKeysFile(keysFile)])
  const [old, states] = [before.split('\n'), now.split('\n')]
  const changed = files.filter((_, index) => old[index] !== states[index])
  return changed.length > 0 && changed.every((file) => ofKeys.has(file))
}

function readPolicy({ policyFile, variables, listen, admin }: SnapshotOptions) {
  const { policy, text } = loadPolicy(policyFile, variables)
  const overridden = {
    ...policy,
    listen: { ...policy.listen, ...listen },
    admin: { ...policy.admin, ...admin },
    warnings: listen ? warningsAt(listen, policy) : policy.warnings,
  }
  if (!overridden.admin.loopback && overridden.admin.token === undefined)
    throw new TypeError('the admin listener needs `admin.token` if its address is not loopback')
  if (!overridden.admin.loopback && isShort(overridden.admin.token))
    throw new TypeError(
      `\`admin.token\` must have at least ${minTokenLength} characters if the admin address is not loopback`,
    )
  return { policy: Object.freeze(overridden) as Policy, text }
}

/** Of the address that holds, not of the one in the file. */
function warningsAt(listen: Address, { warnings, listen: { tls } }: Policy): readonly string[] {
  const others = warnings.filter((each) => each !== plainHttp)
  return isPlain(listen, tls) ? [...others, plainHttp] : others
}

/** A file that was mislaid must not bring back what it took away. @throws TypeError */
function readRevoked({ keysFile }: Policy, before: readonly RevokedToken[]): readonly RevokedToken[] {
  const file = revokedTokensFile(keysFile)
  if (before.length > 0 && !existsSync(file))
    throw new TypeError(`${file} is gone; the tokens it named stay revoked`)
  return readRevokedTokens(file)
}

function readKeys(policy: Policy, revoked: readonly RevokedToken[], { now }: SnapshotOptions) {
  const entries = readKeyFile(policy.keysFile)
  const warnings = [...keysWithoutRole(entries, policy.roles, now()), ...unknownPeople(entries, policy)]
  return { entries, keys: createKeyRing(entries, revoked), warnings }
}

/** Sockets, connections and the log are opened once. */
function waitForRestart(atStart: Policy, policy: Policy): string[] {
  const fixed: readonly [string, (policy: Policy) => unknown][] = [
    ['listen', ({ listen }) => listen],
    // Those who may read are looked up at every request.
    ['admin', ({ admin: { viewers: _, ...fixed } }) => fixed],
    // Who may use them is looked up at every request.
    ['passthrough', ({ passThrough }) => passThrough.map(({ prefix, stripPrefix }) => [prefix, stripPrefix])],
    ['store', ({ store }) => store],
    ['workers', ({ workers }) => workers],
    ['keys.redis', ({ keysInRedis }) => keysInRedis],
    ['audit.file', ({ audit }) => audit.file],
    ['audit.forward', ({ audit }) => audit.forward],
    ['timeouts.body', ({ timeouts }) => timeouts.bodyMs],
    ['timeouts.idle', ({ timeouts }) => timeouts.idleMs],
  ]
  return fixed
    .filter(([, part]) => JSON.stringify(part(atStart)) !== JSON.stringify(part(policy)))
    .map(([key]) => `\`${key}\` was changed; the change takes effect after a restart`)
}

function placeOf(failure: unknown): string {
  const first = failure instanceof PolicyError ? failure.problems[0] : undefined
  return first ? `line ${first.line}, column ${first.column}` : 'see the log'
}

function problemsOf(failure: unknown): string[] {
  return (failure instanceof Error ? failure.message : String(failure)).split('\n')
}
