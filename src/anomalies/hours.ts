/** Hours of the week in which a key is active. UTC; an hour borrows from its neighbours, so that summer time is no surprise. */

const hoursOfWeek = 168
const hourMs = 3_600_000
/** 1970-01-01 was a Thursday; weeks here begin on Monday. */
const mondayOffset = 3 * 24
const longestMemory = 26
/** Of an hour itself, of the hours beside it, of the same hour on the other days of its kind. */
const weights = { own: 1, beside: 0.5, otherDays: 0.25 }

/** Hours as JSON: weeks seen, the last hour that was counted, then all hours. */
export type SavedHours = readonly number[]

/** Counts in how many weeks each hour of the week was active. */
export class ActiveHours {
  readonly #active = new Float32Array(hoursOfWeek)
  #weeks = 0
  #lastHour = -1

  constructor(saved?: SavedHours) {
    if (saved === undefined) return
    ;[this.#weeks = 0, this.#lastHour = -1] = saved
    this.#active.set(saved.slice(2, 2 + hoursOfWeek))
  }

  /** Counts the hour of a window, once. Weeks without any request count as one. */
  close(windowMs: number): void {
    const hour = Math.floor(windowMs / hourMs)
    if (hour <= this.#lastHour) return
    const passed = this.#lastHour < 0 ? 1 : hour - this.#lastHour
    this.#weeks += Math.min(hoursOfWeek, passed) / hoursOfWeek
    this.#lastHour = hour
    const at = indexOf(hour)
    this.#active[at] = (this.#active[at] ?? 0) + 1
    if (this.#weeks <= longestMemory) return
    this.#weeks /= 2
    for (let each = 0; each < hoursOfWeek; each++) this.#active[each] = (this.#active[each] ?? 0) / 2
  }

  /** How surprising it is to be active now: the negative natural logarithm of the share of weeks in which this hour was active. */
  nats(windowMs: number): number {
    const at = indexOf(Math.floor(windowMs / hourMs))
    const day = Math.floor(at / 24)
    const [from, to] = day < 5 ? [0, 5] : [5, 7]
    let active = weights.own * this.#at(at) + weights.beside * (this.#at(at - 1) + this.#at(at + 1))
    let possible = weights.own + 2 * weights.beside
    for (let other = from; other < to; other++) {
      if (other === day) continue
      const same = other * 24 + (at % 24)
      active += weights.otherDays * (this.#at(same) + (this.#at(same - 1) + this.#at(same + 1)) / 2)
      possible += weights.otherDays * 2
    }
    const share = (active + 0.25) / (possible * this.#weeks + 0.5)
    return share >= 1 ? 0 : -Math.log(share)
  }

  #at(hour: number): number {
    return this.#active[(hour + hoursOfWeek) % hoursOfWeek] ?? 0
  }

  /** In how many of the weeks this hour was active, in words. */
  shown(): string {
    const active = this.#active.reduce((sum, count) => sum + (count > this.#weeks / 10 ? 1 : 0), 0)
    return `active in ${active} of 168 hours of the week`
  }

  /** As JSON. */
  save(): SavedHours {
    return [this.#weeks, this.#lastHour, ...this.#active]
  }
}

function indexOf(hour: number): number {
  return (hour + mondayOffset) % hoursOfWeek
}
