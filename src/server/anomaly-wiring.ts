/** The watch for anomalies of a gateway: what it observes, and what happens when it finds something. */
import type { Anomaly, Learning, Subject } from '../anomalies/anomaly.ts'
import { anomalyKinds } from '../anomalies/anomaly.ts'
import type { ObservationBatch } from '../anomalies/observation-queue.ts'
import { shareObservations } from '../anomalies/shared-observations.ts'
import { anomaliesFile } from '../anomalies/state-file.ts'
import { AnomalyWatch, type LearningChange } from '../anomalies/watch.ts'
import { isCallerId } from '../core/key-id.ts'
import { describeError } from '../core/refusal.ts'
import { anomalyView } from '../http/admin/anomalies-api.ts'
import { isInForce } from '../kill-switch/freeze-entry.ts'
import type { KillSwitch } from '../kill-switch/kill-switch.ts'
import { Observing } from '../pipeline/finish/observation.ts'
import { createWebhook, type Webhook } from '../telemetry/webhook.ts'
import { ObservationSender } from '../workers/anomalies.ts'
import { replayObservations } from './anomaly-replay.ts'
import type { Closers } from './closers.ts'
import type { Foundation } from './foundation.ts'

/** What a gateway knows of anomalies. */
export interface Anomalies {
  /** Lists open anomalies, and the latest that are over; nothing in a worker, whose primary has them. */
  list(): readonly Anomaly[]
  learning(): readonly Learning[]
  /** Takes what a worker has observed. */
  take(batch: ObservationBatch): void
  /** Leaves them to the gateway that takes over from this one. */
  leave(): void
}

/** Who freezes a key that does something unusual. */
export const anomalyWatchName = 'anomaly watch'
/** Subjects that are named in one event. */
const maxNamed = 50

/** Starts to observe requests; in a worker, to send what was observed to the primary. */
export function openAnomalies(
  foundation: Foundation,
  freezes: Pick<KillSwitch, 'list' | 'issue'>,
  closers: Closers,
): Anomalies {
  const { part, policy, observers, intervals } = foundation
  const isOff = () => policy().anomalies.mode === 'off'
  if (part.kind === 'worker') {
    const sender = new ObservationSender(part.channel, intervals.anomaliesMs)
    closers.add(() => sender.close())
    observe(foundation, sender.queue)
    return { list: () => [], learning: () => [], take() {}, leave() {} }
  }
  const watch = createWatch(foundation, freezes, closers)
  watch.start()
  closers.add(() => watch.close())
  observe({ observers, policy }, watch)
  return {
    list: () => (isOff() ? [] : watch.list()),
    learning: () => (isOff() ? [] : watch.learning()),
    take: (batch) => watch.take(batch),
    leave: () => watch.leave(),
  }
}

function observe(
  { observers, policy }: Pick<Foundation, 'observers' | 'policy'>,
  queue: Pick<AnomalyWatch, 'put'>,
): void {
  const observing = new Observing()
  observers.add((settled) => {
    if (policy().anomalies.mode === 'off') return
    const observation = observing.of(settled)
    if (observation) queue.put(observation)
  })
}

function createWatch(
  foundation: Foundation,
  freezes: Pick<KillSwitch, 'list' | 'issue'>,
  closers: Closers,
): AnomalyWatch {
  const { atStart, policy, redis, clock, intervals, metrics, log, recordEvent } = foundation
  const report = (problem: string, error?: unknown) => log.warn({ cause: describeError(error) }, problem)
  const webhook = createWebhook({
    target: () => (policy().anomalies.mode === 'observe' ? undefined : policy().anomalies.webhook),
    now: clock.wallMs,
    report,
  })
  closers.add(webhook.close)
  // An alert on the first one needs a series that was 0 before.
  for (const kind of anomalyKinds) metrics.anomalies.inc({ kind }, 0)
  const { file } = atStart.audit
  return new AnomalyWatch({
    settings: () => policy().anomalies,
    file: anomaliesFile(file),
    shared: redis && shareObservations(redis),
    clock,
    everyMs: intervals.anomaliesMs,
    saveMs: intervals.anomaliesSaveMs,
    replay: (sinceMs) => replayObservations(file, sinceMs),
    onChange: (anomaly) => tell(anomaly, foundation, freezes, webhook),
    onLearning: (change) => recordEvent('baselines', learningInEvent(change)),
    onOpen: (count) => metrics.anomaliesOpen.set(count),
    onDropped: (count) => metrics.anomalyObservationsDropped.inc(count),
    onUnshared: (error) =>
      log.warn(
        redis?.trouble(error),
        'anomalies are looked for in the requests of this gateway alone, because Redis does not accept observations',
      ),
    report,
  })
}

function tell(
  anomaly: Anomaly,
  foundation: Foundation,
  freezes: Pick<KillSwitch, 'list' | 'issue'>,
  webhook: Webhook,
): void {
  const { policy, metrics, log, recordEvent } = foundation
  const { id, kind, subject, state, usual, now } = anomaly
  const { mode } = policy().anomalies
  const event = state === 'open' ? 'begun' : 'over'
  if (state === 'open') metrics.anomalies.inc({ kind })
  const { subject: _, state: __, id: ___, ...shown } = anomalyView(anomaly)
  recordEvent(`anomaly ${event}`, { anomaly: id, [subject.kind]: subject.id, ...shown })
  const line = { anomaly: id, kind, [subject.kind]: subject.id, usual, now }
  if (mode === 'observe' || state === 'over') log.info(line, `anomaly ${event}`)
  else log.warn(line, `anomaly ${event}`)
  webhook.tell(`anomaly ${id}`, { event, anomaly: anomalyView(anomaly) })
  if (mode === 'freeze' && state === 'open') void freeze(anomaly, foundation, freezes)
}

/** Freezes the key of an anomaly for a time. Never rejects. */
async function freeze(
  { kind, subject }: Anomaly,
  { policy, clock, log }: Foundation,
  freezes: Pick<KillSwitch, 'list' | 'issue'>,
): Promise<void> {
  if (subject.kind !== 'key' || !isCallerId(subject.id)) return
  const forMs = policy().anomalies.freezeForMs
  // What somebody has frozen for longer must not end sooner.
  const untilMs = clock.wallMs() + forMs
  const isFrozen = freezes
    .list()
    .some(
      (entry) =>
        entry.kind === 'key' &&
        entry.name === subject.id &&
        isInForce(entry, clock.wallMs()) &&
        (entry.until === null || entry.until >= untilMs),
    )
  if (isFrozen) return
  try {
    await freezes.issue({
      kind: 'key',
      name: subject.id,
      frozen: true,
      why: `anomaly: ${kind}`,
      by: anomalyWatchName,
      forMs,
    })
  } catch (error) {
    log.error({ key: subject.id, kind, cause: describeError(error) }, 'cannot freeze a key with an anomaly')
  }
}

/** Which baselines are learned now, and which have seen enough. */
function learningInEvent({ begun, learned }: LearningChange): object {
  const named = (subjects: readonly Subject[]) => ({
    ...{ keys: idsOf(subjects, 'key'), models: idsOf(subjects, 'model') },
    ...(subjects.length > maxNamed ? { more: subjects.length - maxNamed } : {}),
  })
  return { learning: named(begun), learned: named(learned) }
}

function idsOf(subjects: readonly Subject[], kind: Subject['kind']): readonly string[] {
  return subjects.slice(0, maxNamed).flatMap((subject) => (subject.kind === kind ? [subject.id] : []))
}
