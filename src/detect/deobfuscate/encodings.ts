/**
 * Texts that were encoded: base64 (also of URLs), base32, hex, binary, Morse. A run counts only if what comes out is
 * text with words in it, so that hashes, keys and pictures stay what they are.
 */
import type { Edit } from '../injection/text-view.ts'
import { legible } from './invisible.ts'
import { type Survey, sign } from './prefilter.ts'

/** Of one run: more than this of an attack hardly fits into a context, and a picture is not read to its end. */
const maxLength = 65_536

const hex = /(?<![0-9a-zA-Z])(?:0x)?[0-9a-fA-F]{2}(?:[\s:,-]{1,2}(?:0x)?[0-9a-fA-F]{2}){7,}/g
const binary = /(?:[01]{7,8}[\s,]{1,2}){5,}[01]{7,8}/g
const decimal =
  /(?:\b(?:3[2-9]|[4-9]\d|1[01]\d|12[0-6])\b[\s,;]{1,2}){8,}(?:3[2-9]|[4-9]\d|1[01]\d|12[0-6])\b/g
const morse = /(?:[.•·\-–—_]{1,6}[ /|\n]{1,4}){10,}[.•·\-–—_]{0,6}/g
/** The end of a run that was broken into lines. */
const lastLine = /\r?\n[A-Za-z0-9+/_-]{1,15}={0,2}(?![^\s])/y
const padding = /={1,6}/y

/** Returns edits that put what encoded runs say in their place. */
export function encodingEdits(text: string, { seen, runs }: Survey): Edit[] {
  const edits: Edit[] = []
  const put = (start: number, end: number, meant: string | undefined) => {
    if (meant !== undefined) edits.push({ start, end, text: ` ${meant} ` })
  }
  const add = (pattern: RegExp, meaning: (found: string) => string | undefined) => {
    for (const { 0: found, index: start } of text.matchAll(pattern))
      put(start, start + found.length, meaning(found))
  }
  if (seen & sign.groups) {
    add(binary, fromBinary)
    add(hex, fromHex)
    add(decimal, (found) => prose(Uint8Array.from(found.split(/[\s,;]+/), Number)))
  }
  if (seen & sign.morse) add(morse, fromMorse)
  for (let at = 0; at < runs.length; at += 2) {
    const start = runs[at] ?? 0
    let end = runs[at + 1] ?? 0
    while (at + 2 < runs.length && isLineEnd(text, end, runs[at + 2] ?? 0)) {
      at += 2
      end = runs[at + 1] ?? 0
    }
    end = behind(lastLine, text, behind(padding, text, end))
    put(start, end, fromRun(text.slice(start, end)))
  }
  return edits
}

function isLineEnd(text: string, from: number, to: number): boolean {
  return (
    to - from <= 2 && text.charCodeAt(to - 1) === 0x0a && (to - from === 1 || text.charCodeAt(from) === 0x0d)
  )
}

/** Where what the pattern matches there ends; where it does not, there. */
function behind(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at
  return pattern.test(text) ? pattern.lastIndex : at
}

function fromRun(run: string): string | undefined {
  if (/^[01\s]+$/.test(run)) return fromBinary(run)
  if (/^(?:0x)?[0-9a-fA-F\s]+$/.test(run)) return fromHex(run)
  if (/^[A-Z2-7\s]+=*$/.test(run)) return fromBase32(run) ?? fromBase64(run)
  // Nothing that is long is encoded without a digit, a sign, or a capital behind a small letter.
  return /[\d+/_=]|[a-z]-?[A-Z]/.test(run) ? fromBase64(run) : undefined
}

/** Text that looks as if somebody had written it. */
function prose(bytes: Uint8Array): string | undefined {
  const text = legible(bytes)
  return text !== undefined && /\p{L}{3}/u.test(text) ? text : undefined
}

const values = new Int8Array(128).fill(-1)
for (const [value, letter] of [
  ...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/',
].entries())
  values[letter.charCodeAt(0)] = value
values['-'.charCodeAt(0)] = 62
values['_'.charCodeAt(0)] = 63
const base32Values = new Int8Array(128).fill(-1)
for (const [value, letter] of [...'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'].entries())
  base32Values[letter.charCodeAt(0)] = value

/** Reads `width` bits a character; what is no digit of the code is passed over. */
function unpacked(found: string, digits: Int8Array, width: number, from: number, max: number): Uint8Array {
  const bytes = new Uint8Array((Math.min(found.length, max) * width) >> 3)
  let bits = 0
  let held = 0
  let length = 0
  for (let at = from; at < found.length && length < bytes.length; at++) {
    const value = digits[found.charCodeAt(at)] ?? -1
    if (value < 0) continue
    bits = ((bits << width) | value) & 0xffff
    held += width
    if (held < 8) continue
    held -= 8
    bytes[length++] = (bits >> held) & 0xff
  }
  return bytes.subarray(0, length)
}

/** A slice of a long run may begin in the middle of a group. */
function fromBase64(found: string): string | undefined {
  for (let from = 0; from < 4; from++) {
    // Most runs are no text, which their first bytes show.
    if (!startsLegibly(unpacked(found, values, 6, from, 24))) continue
    const text = legibleStart(unpacked(found, values, 6, from, maxLength))
    if (text !== undefined) return text
  }
  return undefined
}

function startsLegibly(bytes: Uint8Array): boolean {
  let plain = 0
  for (const byte of bytes) {
    if (byte < 9 || (byte > 13 && byte < 32) || byte === 127) return false
    if (byte < 127) plain++
  }
  return plain >= bytes.length / 2 || bytes.some((byte) => byte >= 0xc3)
}

/** A run may end in the middle of a character. */
function legibleStart(bytes: Uint8Array): string | undefined {
  for (let cut = 0; cut < 4; cut++) {
    const text = prose(bytes.subarray(0, bytes.length - cut))
    if (text !== undefined) return text
  }
  return undefined
}

function fromBase32(found: string): string | undefined {
  return legibleStart(unpacked(found, base32Values, 5, 0, maxLength))
}

function fromHex(found: string): string | undefined {
  const digits = found.replaceAll(/\\x|0x|[^0-9a-fA-F]/g, '').slice(0, maxLength)
  if (digits.length < 16) return undefined
  return prose(
    Uint8Array.from({ length: digits.length >> 1 }, (_, at) =>
      Number.parseInt(digits.slice(2 * at, 2 * at + 2), 16),
    ),
  )
}

function fromBinary(found: string): string | undefined {
  const groups = found.match(/[01]+/g) ?? []
  const width = groups.every(({ length }) => length === 7) ? 7 : 8
  const digits = groups.join('').slice(0, maxLength)
  return prose(
    Uint8Array.from({ length: Math.floor(digits.length / width) }, (_, at) =>
      Number.parseInt(digits.slice(width * at, width * (at + 1)), 2),
    ),
  )
}

const morseLetters = new Map(
  '.- -... -.-. -.. . ..-. --. .... .. .--- -.- .-.. -- -. --- .--. --.- .-. ... - ..- ...- .-- -..- -.-- --..'
    .split(' ')
    .map((code, at) => [code, String.fromCharCode(97 + at)] as const),
)
for (const [at, code] of '----- .---- ..--- ...-- ....- ..... -.... --... ---.. ----.'.split(' ').entries())
  morseLetters.set(code, String(at))

function fromMorse(found: string): string | undefined {
  const codes = found.replaceAll(/[–—_]/g, '-').replaceAll(/[•·]/g, '.')
  let text = ''
  for (const [piece] of codes.matchAll(/[.-]+|[ /|\n]+/g))
    text += piece === ' ' ? '' : /[.-]/.test(piece) ? (morseLetters.get(piece) ?? '.') : ' '
  return /[a-z]{3}/.test(text) ? text : undefined
}
