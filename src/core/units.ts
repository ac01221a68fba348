/**
 * Durations (`250ms 30s 15m 24h 30d`) and sizes (`512B 64KiB 1MiB 2GiB`) as people write them in the policy.
 */

const durations: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }
const sizes: Readonly<Record<string, number>> = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 }

const amounts: Readonly<Record<string, number>> = { k: 1e3, M: 1e6, G: 1e9 }

/** Pattern of a large count with a unit. */
export const amountPattern = '^\\d{1,6}[kMG]$'
/** Pattern of a duration. */
export const durationPattern = '^\\d{1,9}(ms|s|m|h|d)$'
/** Pattern of a size. */
export const sizePattern = '^\\d{1,9}(B|KiB|MiB|GiB)$'

function parse(text: string, units: Readonly<Record<string, number>>): number | undefined {
  const match = /^(\d{1,9})([A-Za-z]+)$/.exec(text)
  const unit = units[match?.[2] ?? '']
  return match && unit !== undefined ? Number(match[1]) * unit : undefined
}

/** Milliseconds, or undefined if the text is no duration. */
export function parseDuration(text: string): number | undefined {
  return parse(text, durations)
}

/**
 * Reads a point in time: a duration before now such as `24h`, or a date.
 * @returns milliseconds since 1970, NaN if the text is neither
 */
export function parseMoment(text: string, nowMs: number): number {
  const ago = parseDuration(text)
  return ago === undefined ? Date.parse(text) : nowMs - ago
}

/** Bytes, or undefined if the text is no size. */
export function parseSize(text: string): number | undefined {
  return parse(text, sizes)
}

/** A count such as `50M`, or undefined if the text is none. */
export function parseAmount(text: string): number | undefined {
  return parse(text, amounts)
}

function print(amount: number, units: Readonly<Record<string, number>>): string {
  const fitting = Object.entries(units).filter(([, size]) => amount % size === 0)
  const [name = '', size = 1] = fitting.at(-1) ?? []
  return `${amount / size}${name}`
}

/** In the largest unit that leaves no rest. */
export function printDuration(ms: number): string {
  return print(ms, durations)
}

/** In the largest unit that leaves no rest. */
export function printSize(bytes: number): string {
  return print(bytes, sizes)
}
