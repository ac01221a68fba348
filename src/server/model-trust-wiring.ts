/** The watch over the versions of models: its lock file, what it tells, and the requests that it ends. */
import { lookAt, type Watch, watchFiles } from '../files/watch.ts'
import { attestationsFolder } from '../model-trust/attestation/store.ts'
import { type DriftChange, DriftWatch } from '../model-trust/drift-watch.ts'
import { type Doubt, inWords } from '../model-trust/judge.ts'
import type { ModelTrust } from '../policy/policy.ts'
import type { Fleet } from '../upstreams/fleet.ts'
import type { Closers } from './closers.ts'
import type { Foundation } from './foundation.ts'

/** The watch, and its lock file. */
export interface ModelWatch {
  readonly models: DriftWatch
  /** The state (`files/state.ts`) in which the lock file was read. */
  readonly taken: string
  /** Begins to follow the lock file. @param onDrift ends requests to what is not trusted any more */
  follow(onDrift: () => void, onLock: () => void): void
  /** Reads the lock file if the policy names another one. */
  reload(): void
}

/** Opens the watch; it tells changes from then on, and ends requests once it is followed. */
export function openModelWatch(foundation: Foundation, fleet: Fleet, closers: Closers): ModelWatch {
  const { part, policy, clock, intervals } = foundation
  // The primary asks the servers itself, and tells for all; only what was in memory for a moment it may have missed.
  const isTold = (change: DriftChange) => part.kind !== 'worker' || change.doubt?.kind === 'loaded'
  let endRequests = () => {}
  const models = new DriftWatch({
    ...{ policy, everyMs: intervals.modelsMs, nowMs: clock.monotonicMs, wallMs: clock.wallMs },
    known: (upstream) => fleet.known(upstream),
    ask: (upstream) => fleet.ask(upstream),
    onChange(change) {
      if (isTold(change)) tellChange(change, foundation)
      if (change.doubt) endRequests()
    },
    onLock(fault) {
      if (part.kind !== 'worker') tellLock(fault, foundation)
      if (fault !== undefined) endRequests()
    },
  })
  closers.add(() => models.close())
  tellRefusedTests(models, foundation)
  let file = policy().modelTrust.lockFile
  let taken = lookAt(file)
  let watching: Watch | undefined
  closers.add(() => watching?.close())
  let onLock = () => {}
  const readAgain = () => {
    // Before it is read: what changes meanwhile is looked at again.
    taken = lookAt(file)
    models.readLock()
    tellRefusedTests(models, foundation)
    models.compare()
    onLock()
  }
  const watch = () => {
    watching?.close()
    watching = watchFiles(filesOf(policy().modelTrust), readAgain, intervals.filesMs)
  }
  return {
    models,
    get taken() {
      return taken
    },
    follow(onDrift, onLockRead) {
      endRequests = onDrift
      onLock = onLockRead
      watch()
      if (lookAt(file) !== taken) readAgain()
    },
    reload() {
      file = policy().modelTrust.lockFile
      // What must be proven, by which key and how lately may have changed, too.
      watch()
      readAgain()
      void models.look()
    },
  }
}

/** The lock file, and what signed test runs are read from. */
function filesOf({ lockFile, signingFile }: ModelTrust): readonly string[] {
  return [lockFile, attestationsFolder(lockFile), `${signingFile}.pub`]
}

function tellRefusedTests({ refusedTests }: DriftWatch, { log }: Foundation): void {
  for (const refused of refusedTests) log.warn(refused, 'a signed test run of a model is not accepted')
}

function tellChange({ model, upstream, doubt }: DriftChange, { policy, log, recordEvent }: Foundation): void {
  const digests = doubt && 'was' in doubt ? { was: doubt.was, is: doubt.is } : {}
  const details = { model, upstream, ...digests }
  if (doubt) {
    const reason = inWords(doubt)
    log.error({ ...details, reason }, driftMessage(doubt))
    recordEvent('model drifted', { ...details, reason, action: policy().modelTrust.onDrift })
  } else {
    log.info(details, 'model is trusted again')
    recordEvent('model restored', details)
  }
}

/** What is not in the lock, or has no valid test run, need not have changed. */
function driftMessage({ kind }: Doubt): string {
  if (kind === 'untested') return 'model has no valid test run'
  return kind === 'unlocked' ? 'model is not in the lock file' : 'model drifted'
}

function tellLock(fault: string | undefined, { log, recordEvent }: Foundation): void {
  if (fault === undefined) {
    log.info('the lock file of models is usable again')
    recordEvent('model lock usable', {})
  } else {
    log.error({ fault }, 'the lock file of models cannot be used')
    recordEvent('model lock unusable', { fault })
  }
}
