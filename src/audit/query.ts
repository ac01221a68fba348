/** What is asked of a log: all conditions that are given must hold. */
import { type Entry, isBy, modelOf } from './entry.ts'

export interface Query {
  /** Epoch milliseconds. */
  readonly sinceMs?: number
  readonly untilMs?: number
  /** Id or name of a key; what was done with a token of it is meant, too. */
  readonly identity?: string
  /** As asked for or as served. */
  readonly model?: string
  /** A kind of ending, the code of a refusal, or the name of an event. */
  readonly outcome?: string
  /** Id or category of a finding, or `any`. */
  readonly finding?: string
  /** `x-request-id`, or a trace id. */
  readonly id?: string
}

export function queryOf(query: Query): (entry: Entry) => boolean {
  const { sinceMs, untilMs, identity, model, outcome, finding, id } = query
  return (entry) => {
    const time = Date.parse(entry.time)
    if (sinceMs !== undefined && !(time >= sinceMs)) return false
    if (untilMs !== undefined && !(time < untilMs)) return false
    if (identity !== undefined && !isBy(entry, identity)) return false
    if (model !== undefined && modelOf(entry) !== model && entry.model?.asked !== model) return false
    if (outcome !== undefined && ![entry.ending?.kind, entry.ending?.code, entry.event].includes(outcome))
      return false
    if (id !== undefined && entry.id !== id && entry.traceparent?.split('-')[1] !== id) return false
    if (finding === undefined) return true
    const findings = entry.findings ?? []
    return findings.some((each) => finding === 'any' || each.id === finding || each.category === finding)
  }
}
