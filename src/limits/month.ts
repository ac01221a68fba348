/** Calendar months in UTC, as budgets count them; `redis/lua/month.lua` is the same for Redis. */

const monthsPerYear = 12

/** Numbers the month of a point in time (epoch milliseconds): months since the year 0. */
export function monthOf(wallMs: number): number {
  const date = new Date(wallMs)
  return date.getUTCFullYear() * monthsPerYear + date.getUTCMonth()
}

/** Returns when a month begins, in epoch milliseconds. */
export function monthStartMs(month: number): number {
  return Date.UTC(Math.floor(month / monthsPerYear), month % monthsPerYear)
}
