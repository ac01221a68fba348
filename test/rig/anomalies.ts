/** Observations of calm weeks and of a loop, and a detector that has seen calm weeks. */
import { AnomalyDetector } from '../../src/anomalies/detector.ts'
import { NetworkDigests } from '../../src/anomalies/network-digests.ts'
import type { Observation } from '../../src/anomalies/observation.ts'
import { stateText } from '../../src/anomalies/state-file.ts'

const salt = '00112233445566778899aabbccddeeff'
/** What a watch makes of the network of this machine. */
const network = new NetworkDigests(salt).of('127.0.0.0/24')
export const minute = 60_000
const week = 7 * 24 * 60 * minute

let made = 0

export function observationAt(atMs: number, key: string, more: Partial<Observation> = {}): Observation {
  made++
  return {
    atMs,
    id: `request-${made}`,
    key,
    model: 'smollm2:135m',
    digest: null,
    outcome: 'answered',
    inputTokens: 20,
    outputTokens: 30,
    promptLength: 80 + (made % 40),
    answerLength: 20 + (made % 60),
    findings: 0,
    tools: [],
    firstTokenMs: null,
    network: '127.0.0.0/24',
    answer: null,
    ...more,
  }
}

/** Three to five requests in ten minutes, at any hour. */
function* calm(key: string, fromMs: number, untilMs: number): Generator<Observation> {
  for (let ms = fromMs, turn = 0; ms < untilMs; ms += 10 * minute, turn++)
    for (let each = 0; each < 3 + (turn % 3); each++)
      yield observationAt(ms + each * minute, key, { network })
}

/** A detector that has seen four calm weeks of these keys, which end at `nowMs`. */
function trainedDetector(keys: readonly string[], nowMs: number): AnomalyDetector {
  const beganMs = nowMs - 4 * week
  const detector = new AnomalyDetector({ perWeek: 1, nowMs: beganMs })
  const all = keys.flatMap((key) => [...calm(key, beganMs, nowMs - 10 * minute)])
  let tickedMs = beganMs
  for (const observation of all.toSorted((a, b) => a.atMs - b.atMs)) {
    for (; observation.atMs > tickedMs + minute; tickedMs += minute) detector.tick(tickedMs)
    detector.observe(observation)
  }
  detector.tick(nowMs)
  return detector
}

const templates = new Map<number, string>()

/** What the state file of a gateway has that has seen four calm weeks of two keys, which end at `nowMs`. */
export function trainedState(keys: readonly [string, string], nowMs: number): Promise<string> {
  const names = ['trained-key-0', 'trained-key-1']
  const template = templates.get(nowMs) ?? JSON.stringify(trainedDetector(names, nowMs).state())
  templates.set(nowMs, template)
  const text = names.reduce((all, name, index) => all.replaceAll(name, keys[index] ?? ''), template)
  const { subjects, ...head } = JSON.parse(text) as { readonly subjects: readonly unknown[] }
  return stateText({ savedMs: nowMs, salt, position: '', recent: [] }, [head, ...subjects])
}
