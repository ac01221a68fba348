/** Numbers, times and durations in the language of the page. Times are local; what shows them also shows the offset. */
import { language, t } from '../texts/texts.ts'

const second = 1000
const minute = 60 * second
const hour = 60 * minute
const day = 24 * hour

/** Writes a number with its groups. */
export function number(value: number, digits = 0): string {
  return new Intl.NumberFormat(language(), { maximumFractionDigits: digits }).format(value)
}

/** Writes milliseconds as people read them. */
export function milliseconds(ms: number): string {
  if (ms < 10) return `${number(ms, 1)} ms`
  return ms < 10 * second ? `${number(ms)} ms` : `${number(ms / second, 1)} s`
}

/** English dates have the year first: day and month are told apart differently on either side of the Atlantic. */
function dates(): string {
  return language() === 'en' ? 'en-CA' : language()
}

/** Writes the clock time of today, or date and time. */
export function time(text: string): string {
  const date = new Date(text)
  if (Number.isNaN(date.getTime())) return text
  const isToday = date.toDateString() === new Date().toDateString()
  const clock = { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' } as const
  const full = { year: 'numeric', month: '2-digit', day: '2-digit', ...clock } as const
  return new Intl.DateTimeFormat(dates(), isToday ? clock : full).format(date)
}

/** Writes the clock time without seconds. */
export function clockTime(ms: number): string {
  const clock = { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' } as const
  return new Intl.DateTimeFormat(dates(), clock).format(ms)
}

/** Writes a day, such as 2026-11-30, which has no zone. */
export function dayOf(text: string): string {
  const date = new Date(text)
  if (Number.isNaN(date.getTime())) return text
  return new Intl.DateTimeFormat(dates(), { day: '2-digit', month: '2-digit', timeZone: 'UTC' }).format(date)
}

/** Writes the offset of local time now, as `UTC+01:00`. */
export function offset(date = new Date()): string {
  const minutes = -date.getTimezoneOffset()
  const two = (value: number) => String(value).padStart(2, '0')
  const size = Math.abs(minutes)
  return `UTC${minutes < 0 ? '−' : '+'}${two(Math.floor(size / 60))}:${two(size % 60)}`
}

/** Writes how long something takes or is away, in its largest unit or two. */
export function span(ms: number): string {
  const size = Math.max(0, ms)
  if (size < minute) return t('span.seconds', { n: Math.round(size / second) })
  if (size < hour) return t('span.minutes', { n: Math.floor(size / minute) })
  if (size < 2 * day) return t('span.hours', { n: Math.floor(size / hour) })
  return t('span.days', { n: Math.floor(size / day) })
}

/** Shortens a digest. */
export function shortDigest(text: string): string {
  return text.replace(/^sha256:/, '').slice(0, 12)
}
