/**
 * Attributes as OTLP writes them in JSON (https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding). Most values of
 * a gateway come again and again (routes, models, callers), so what was written of them is kept.
 */
import type { AttributeValue, SpanAttributes } from './span.ts'

/** Values of one attribute of which the text is kept; with more, all are forgotten and the latest kept anew. */
const maxKept = 256
/** Longer values are texts, or lists of something: they seldom come again. */
const maxKeptLength = 128

/** What was written of one attribute. */
interface Written {
  /** Everything before the value. */
  readonly head: string
  readonly kept: Map<string, string>
  last: AttributeValue
  lastText: string
}

/** Writes attributes. One for each process is enough. */
export class AttributeWriter {
  readonly #names = new Map<string, Written>()
  readonly #unlike: ReadonlySet<string>
  readonly #quoted = new Map<string, string>()

  /** @param unlike attributes whose values never come again, so that keeping them would only cost */
  constructor(unlike: readonly string[] = []) {
    this.#unlike = new Set(unlike)
  }

  /** Writes a string of which there are few. */
  kept(text: string): string {
    let written = this.#quoted.get(text)
    if (written === undefined) {
      written = quoted(text)
      if (this.#quoted.size >= maxKept) this.#quoted.clear()
      this.#quoted.set(text, written)
    }
    return written
  }

  /** Writes a list of `KeyValue`, without those that are undefined. The names must come from a closed set: they are kept. */
  list(attributes: SpanAttributes): string {
    let text = ''
    for (const name in attributes) {
      const value = attributes[name]
      if (value === undefined) continue
      text += text === '' ? this.#pair(name, value) : `,${this.#pair(name, value)}`
    }
    return `[${text}]`
  }

  #pair(name: string, value: AttributeValue): string {
    const written = this.#writtenOf(name)
    if (written.last === value) return written.lastText
    if (typeof value !== 'string' || value.length > maxKeptLength || this.#unlike.has(name))
      return written.head + writtenValue(value)
    let text = written.kept.get(value)
    if (text === undefined) {
      text = written.head + writtenValue(value)
      if (written.kept.size >= maxKept) written.kept.clear()
      written.kept.set(value, text)
    }
    written.last = value
    written.lastText = text
    return text
  }

  #writtenOf(name: string): Written {
    let written = this.#names.get(name)
    if (written === undefined) {
      // A list is equal to nothing.
      written = { head: `{"key":${JSON.stringify(name)},"value":`, kept: new Map(), last: [], lastText: '' }
      this.#names.set(name, written)
    }
    return written
  }
}

/** The value, and what ends the pair. */
function writtenValue(value: AttributeValue): string {
  if (typeof value === 'object') return `${listOf(value)}}`
  return `${scalarOf(value)}}`
}

function listOf(values: readonly string[]): string {
  return `{"arrayValue":{"values":[${values.map(scalarOf).join(',')}]}}`
}

/** 64-bit integers are decimal strings, and so is what JSON has no number for. */
function scalarOf(value: string | number | boolean): string {
  if (typeof value === 'string') return `{"stringValue":${quoted(value)}}`
  if (typeof value === 'boolean') return `{"boolValue":${value}}`
  if (Number.isSafeInteger(value)) return `{"intValue":"${value}"}`
  return `{"doubleValue":${Number.isFinite(value) ? value : `"${value}"`}}`
}

const beyondAscii = /[^\0-\x7f]/g

/** Writes a string with ASCII alone, so that a whole export is turned into bytes by copying it. */
export function quoted(text: string): string {
  return JSON.stringify(text).replace(
    beyondAscii,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

const perSecond = 1000
const nanosPerMs = 1e6
let lastSeconds = Number.NaN
let lastText = ''

/** Writes epoch milliseconds with fractions as nanoseconds, in decimals: they are more than a number holds. */
export function unixNanos(ms: number): string {
  let seconds = Math.floor(ms / perSecond)
  let nanos = Math.round((ms - seconds * perSecond) * nanosPerMs)
  if (nanos >= perSecond * nanosPerMs) {
    seconds++
    nanos = 0
  }
  if (seconds !== lastSeconds) {
    lastSeconds = seconds
    lastText = `${seconds}`
  }
  return lastText + `${nanos}`.padStart(9, '0')
}
