/**
 * Streams a JSON document that holds vectors: their numbers are checked byte by byte (RFC 8259, section 6) and not kept,
 * and everything else is gathered in a small document, the outline, which is read as strictly as any other. So a response
 * of sixty megabytes takes no more memory than a piece of it.
 *
 * Held back are the last brace, without which no client accepts the document, and the model's name until it is complete.
 */
import { malformed } from '../common/response-schema.ts'

/** Bytes of the outline; each vector of a list takes some sixty. */
const maxOutline = 2 * 1024 * 1024
/** Bytes of a string; a longer one is a vector in base64, of which no more than this is kept. */
const maxStringLength = 4096
/** Bytes of one number: enough for any float, and too few to overflow one. */
const maxNumberLength = 64

const quote = 0x22
const backslash = 0x5c
const colon = 0x3a
const isBlank = (byte: number) => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09
const isDigit = (byte: number) => byte >= 0x30 && byte <= 0x39
const isBase64 = (byte: number) =>
  isDigit(byte) ||
  (byte >= 0x41 && byte <= 0x5a) ||
  (byte >= 0x61 && byte <= 0x7a) ||
  byte === 0x2b ||
  byte === 0x2f ||
  byte === 0x2d ||
  byte === 0x5f ||
  byte === 0x3d

/** The states in a list of numbers. The order matters: a number may end in those from `zero` to `exponent2`. */
const State = {
  value: 0,
  minus: 1,
  dot: 2,
  e: 3,
  sign: 4,
  zero: 5,
  integer: 6,
  fraction: 7,
  exponent1: 8,
  exponent2: 9,
  behind: 10,
  /** The list has ended. */
  over: 11,
  wrong: 12,
} as const

/** The next state for each state and byte. */
const transitions = buildTransitions()

function buildTransitions(): Uint8Array {
  const table = new Uint8Array(13 * 256).fill(State.wrong)
  const on = (from: number, bytes: string, to: number) => {
    for (const each of bytes) table[from * 256 + each.charCodeAt(0)] = to
  }
  on(State.value, ' \t\r\n', State.value)
  on(State.value, '-', State.minus)
  for (const from of [State.value, State.minus]) {
    on(from, '0', State.zero)
    on(from, '123456789', State.integer)
  }
  on(State.integer, '0123456789', State.integer)
  for (const from of [State.zero, State.integer]) on(from, '.', State.dot)
  for (const from of [State.dot, State.fraction]) on(from, '0123456789', State.fraction)
  for (const from of [State.zero, State.integer, State.fraction]) on(from, 'eE', State.e)
  on(State.e, '+-', State.sign)
  for (const from of [State.e, State.sign]) on(from, '0123456789', State.exponent1)
  on(State.exponent1, '0123456789', State.exponent2)
  for (let from = State.zero; from <= State.exponent2; from++) on(from, ' \t\r\n', State.behind)
  on(State.behind, ' \t\r\n', State.behind)
  for (let from = State.zero; from <= State.behind; from++) {
    on(from, ',', State.value)
    on(from, ']', State.over)
  }
  return table
}

/** The model's name in the document, and its replacement. */
export interface ModelRename {
  readonly from: string
  readonly to: string
}

/** Checks and forwards one document. */
export class VectorStream {
  readonly #from: Uint8Array
  readonly #to: Uint8Array
  #outline = new Uint8Array(16 * 1024)
  #length = 0
  #mode: 'between' | 'string' | 'list' | 'numbers' = 'between'
  #depth = 0
  #state: number = State.value
  #number = 0
  /** The last string: where it begins in the outline, and its length. */
  #stringAt = 0
  #stringLength = 0
  #isEscaped = false
  #isBehindColon = false
  /** The bytes of the model's name, held until it is complete. */
  #name: number[] | undefined
  #isOver = false

  constructor({ from, to }: ModelRename) {
    this.#from = encoded(JSON.stringify(from))
    this.#to = encoded(JSON.stringify(to))
  }

  /** Takes the next piece. @returns what may leave @throws Refusal `upstream_failed` if a vector holds no numbers */
  push(bytes: Uint8Array): Uint8Array {
    const out: Uint8Array[] = []
    /** The first byte that has not left yet. */
    let from = 0
    for (let at = 0; at < bytes.length; at++) {
      const byte = bytes[at] ?? 0
      if (this.#mode === 'numbers') {
        at = this.#readNumbers(bytes, at)
      } else if (this.#mode === 'string') {
        this.#readString(byte)
        if (this.#name) {
          this.#name.push(byte)
          from = at + 1
          if (this.#mode !== 'string') out.push(this.#replaceName(this.#name))
        }
      } else {
        const wasOver = this.#isOver
        this.#readBetween(byte)
        if (this.#name || (this.#isOver && !wasOver)) {
          out.push(bytes.subarray(from, at))
          from = this.#isOver ? bytes.length : at + 1
        }
        if (wasOver) from = bytes.length
      }
    }
    out.push(bytes.subarray(from))
    return concatBytes(out)
  }

  /** Returns the document without the content of its vectors. @throws TypeError if it is no UTF-8 */
  outline(): string {
    return strictly.decode(this.#outline.subarray(0, this.#length))
  }

  /** Reads numbers, which are most of the document. @returns the index of the last byte that was read */
  #readNumbers(bytes: Uint8Array, from: number): number {
    let place = this.#state
    let number = this.#number
    let at = from
    for (; at < bytes.length; at++) {
      place = transitions[place * 256 + (bytes[at] ?? 0)] ?? State.wrong
      if (place === State.value || place === State.behind) number = 0
      else if (++number > maxNumberLength || place === State.wrong)
        malformed('a vector that is not made of numbers')
      if (place !== State.over) continue
      this.#mode = 'between'
      this.#depth--
      this.#append(0x5d)
      break
    }
    this.#state = place
    this.#number = number
    return at
  }

  #readString(byte: number): void {
    this.#stringLength++
    if (this.#stringLength <= maxStringLength || byte === quote) this.#append(byte)
    else if (!isBase64(byte) || this.#name) malformed('a long text among vectors')
    if (this.#isEscaped) this.#isEscaped = false
    else if (byte === backslash) this.#isEscaped = true
    else if (byte === quote) this.#mode = 'between'
  }

  #readBetween(byte: number): void {
    this.#append(byte)
    if (isBlank(byte)) return
    const isFirst = this.#mode === 'list'
    this.#mode = 'between'
    if (isFirst && (isDigit(byte) || byte === 0x2d)) {
      this.#mode = 'numbers'
      this.#length--
      this.#number = 1
      this.#state = transitions[State.value * 256 + byte] ?? State.wrong
      return
    }
    const isBehindColon = this.#isBehindColon
    this.#isBehindColon = byte === colon
    if (byte === quote) this.#beginString(isBehindColon)
    else if (byte === 0x7b /* { */ || byte === 0x5b /* [ */) {
      this.#depth++
      if (byte === 0x5b) this.#mode = 'list'
    } else if ((byte === 0x7d /* } */ || byte === 0x5d) /* ] */ && --this.#depth === 0) this.#isOver = true
  }

  #beginString(isValue: boolean): void {
    const isName = isValue && this.#depth === 1 && this.#lastStringIs(modelKey)
    this.#mode = 'string'
    this.#stringAt = this.#length - 1
    this.#stringLength = 1
    if (isName) this.#name = [quote]
  }

  #lastStringIs(key: Uint8Array): boolean {
    return (
      this.#stringLength === key.length &&
      key.every((byte, index) => this.#outline[this.#stringAt + index] === byte)
    )
  }

  #replaceName(name: readonly number[]): Uint8Array {
    this.#name = undefined
    if (name.length !== this.#from.length || !name.every((byte, index) => byte === this.#from[index]))
      return Uint8Array.from(name)
    this.#length = this.#stringAt
    for (const byte of this.#to) this.#append(byte)
    return this.#to
  }

  #append(byte: number): void {
    if (this.#length === this.#outline.length) {
      if (this.#length >= maxOutline) malformed('too much beside the vectors')
      const larger = new Uint8Array(this.#length * 2)
      larger.set(this.#outline)
      this.#outline = larger
    }
    this.#outline[this.#length++] = byte
  }
}

const strictly = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const modelKey = encoded('"model"')

function encoded(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

/** Joins pieces; a single one is returned as it is. */
export function concatBytes(pieces: readonly Uint8Array[]): Uint8Array {
  const [only] = pieces
  if (only && pieces.length === 1) return only
  const all = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const piece of pieces) {
    all.set(piece, at)
    at += piece.length
  }
  return all
}
