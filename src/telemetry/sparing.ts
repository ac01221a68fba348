/** What strangers cause must not fill the log: so many lines a minute of each kind, the rest stands in metrics only. */
const minuteMs = 60_000
const linesPerMinute = 10

/**
 * Makes a limit on log lines.
 * @returns whether one more line of this kind may be written; of further kinds than so many a minute, none
 */
export function createSparing(nowMs: () => number, maxKinds = 1000): (kind: string) => boolean {
  let counts = new Map<string, number>()
  let since = nowMs()
  return (kind) => {
    if (nowMs() - since >= minuteMs) {
      since = nowMs()
      counts = new Map()
    }
    const count = (counts.get(kind) ?? 0) + 1
    if (count > linesPerMinute || (count === 1 && counts.size >= maxKinds)) return false
    counts.set(kind, count)
    return true
  }
}
