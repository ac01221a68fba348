/**
 * The arguments of a tool call on their way: JSON that is still being written. Every string is read as it is meant
 * (`\u0073k-…` is a key too), behind the name it goes by, and leaves as it was written; what is replaced leaves valid
 * JSON, in a string within its quotes, in place of a number as a string. What is no JSON is read as text.
 */
import { JsonPlace } from './json-place.ts'
import type { Released, StreamWindow } from './window.ts'

/** What stands in the place of what only its name tells. */
const namedSecret = '[redacted:secret]'
/** A number is shorter; what is not is no JSON. */
const maxTokenLength = 512
const literal = /^(?:-?\d[\d.eE+-]*|-|t(?:r(?:ue?)?)?|f(?:a(?:l(?:se?)?)?)?|n(?:u(?:ll?)?)?)$/
const maxNameLength = 64
const meant: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', b: '\b', f: '\f' }

/** A window over JSON that is still being written. */
export class JsonWindow {
  readonly #window: StreamWindow
  readonly #place = new JsonPlace()
  #inString = false
  /** Outside strings there was what is no JSON: from there on that is text. */
  #isProse = false
  /** The string that is open, if it names a member. */
  #name: string | undefined
  /** Outside strings, what is no punctuation. */
  #token = ''
  /** An escape that is not complete. */
  #escape = ''
  /** Nothing of the string that is open has left yet. */
  #isFresh = false
  /** It is a secret from its first character on: to its last, whatever ends a secret in prose. */
  #isSecret = false
  /** As meant, what was not pushed yet. */
  #text = ''
  /** As written, what the window has not decided yet, and how long each of its units is there if not one. */
  #raw = ''
  #widths: number[] | undefined

  constructor(window: StreamWindow) {
    this.#window = window
  }

  push(piece: string): string {
    let out = ''
    for (let at = 0; at < piece.length; ) {
      if (this.#inString) {
        const end = this.#escape === '' ? endOfPlain(piece, at) : at
        if (end > at) {
          this.#feed(piece.slice(at, end), piece.slice(at, end), 1)
          at = end
          continue
        }
        const character = piece.charAt(at++)
        if (this.#escape === '' && character === '"') out += this.#endString()
        else this.#continueEscape(character)
        continue
      }
      const character = piece.charAt(at++)
      if (character === '"') out += this.#beginString()
      else if (this.#isProse) this.#feed(character, character, 1)
      else if (/[\s{}[\]:,]/.test(character)) {
        out += this.#endToken() + character
        this.#window.see(character)
        if (character === ']') this.#window.end()
        if (/\S/.test(character)) this.#place.pass(character)
      } else this.#continueToken(character)
    }
    return out + this.#flush()
  }

  #beginString(): string {
    const before = this.#isProse ? this.#finish() : this.#endToken()
    this.#inString = true
    this.#isFresh = true
    this.#name = this.#place.isName ? '' : undefined
    this.#window.see('"')
    const path = this.#name === undefined ? this.#place.path : undefined
    // On a line of its own, or it would pass for the value of the name before it.
    if (path !== undefined) this.#window.recall(`\n${path}":"`)
    return `${before}"`
  }

  #endString(): string {
    const rest = this.#finish(this.#place.isInArray)
    if (this.#name !== undefined) this.#place.name(this.#name)
    this.#inString = false
    this.#isFresh = false
    this.#isSecret = false
    this.#window.see('"')
    return `${rest}"`
  }

  #continueToken(character: string): void {
    this.#token += character
    this.#isProse = !literal.test(this.#token) || this.#token.length >= maxTokenLength
    if (!this.#isProse) return
    this.#feed(this.#token, this.#token, 1)
    this.#token = ''
  }

  end(): string {
    const isText = this.#inString || this.#isProse
    const rest = isText ? this.#finish() + this.#escape : this.#endToken()
    this.#escape = ''
    return rest
  }

  get cuts(): number {
    return this.#window.cuts
  }

  get work(): number {
    return this.#window.work
  }

  get holds(): boolean {
    return this.#raw !== '' || this.#token !== '' || this.#escape !== ''
  }

  #continueEscape(character: string): void {
    const written = this.#escape + character
    this.#escape = written
    if (written === '\\' || (written.startsWith('\\u') && written.length < 6)) return
    this.#escape = ''
    const letter = written.charAt(1)
    const code = letter === 'u' ? Number.parseInt(written.slice(2), 16) : Number.NaN
    const text = Number.isNaN(code) ? (meant[letter] ?? letter) : String.fromCharCode(code)
    this.#feed(text, written, written.length)
  }

  /** @param width how long each unit of the text is as written */
  #feed(text: string, raw: string, width: number): void {
    if (width !== 1) this.#widths ??= Array<number>(this.#raw.length).fill(1)
    if (this.#widths) for (let unit = 0; unit < text.length; unit++) this.#widths.push(width)
    this.#raw += raw
    this.#text += text
    if (this.#inString && this.#name !== undefined && this.#name.length < maxNameLength) this.#name += text
  }

  #flush(): string {
    const text = this.#text
    this.#text = ''
    return text === '' ? '' : this.#give(this.#window.push(text))
  }

  /** @param goesOn a key may go on in the next string: its lines as items of an array */
  #finish(goesOn = false): string {
    const rest = this.#flush() + this.#give(this.#window.end(goesOn))
    // Of what was dropped to its end nothing is waited for any more.
    this.#raw = ''
    this.#widths = undefined
    return rest
  }

  #endToken(): string {
    const token = this.#token
    this.#token = ''
    if (token === '') return ''
    const released = [this.#window.push(token), this.#window.end()]
    const cut = released.flatMap(({ edits }) => edits ?? []).find((edit) => typeof edit !== 'number')
    return typeof cut === 'object' ? JSON.stringify(cut.put) : token
  }

  #give(released: Released): string {
    const [first] = released.edits ?? []
    const begins = this.#isFresh && typeof first === 'object' && first.put === namedSecret
    const left = this.#written(released)
    if (this.#isSecret) return ''
    if (left !== '') this.#isFresh = false
    this.#isSecret = begins
    return begins ? namedSecret : left
  }

  /** What leaves, as it was written. */
  #written({ edits }: Released): string {
    if (!edits) {
      const all = this.#raw
      this.#raw = ''
      this.#widths = undefined
      return all
    }
    const raw = this.#raw
    const widths = this.#widths
    let units = 0
    let at = 0
    let out = ''
    // What was taken is cut off once, behind the loop: cut off edit by edit, many edits take quadratic time.
    for (const edit of edits) {
      const end = units + (typeof edit === 'number' ? edit : edit.units)
      const from = at
      if (widths) for (let unit = units; unit < end; unit++) at += widths[unit] ?? 0
      else at += end - units
      units = end
      out += typeof edit === 'number' ? raw.slice(from, at) : edit.put
    }
    this.#raw = raw.slice(at)
    this.#widths = this.#raw === '' ? undefined : widths?.slice(units)
    return out
  }
}

/** Up to the next quote or backslash. */
function endOfPlain(piece: string, from: number): number {
  for (let at = from; at < piece.length; at++) {
    const unit = piece.charCodeAt(at)
    if (unit === 0x22 || unit === 0x5c) return at
  }
  return piece.length
}
