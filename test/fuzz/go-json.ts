/**
 * JSON as Go's `encoding/json` parses it: members in their order, keys as often as they stand, lone surrogates as
 * U+FFFD. Shares no line with `src/core/json.ts`, so that a mistake there is not made here too.
 * Not caught: what Go's own version-to-version changes would read differently.
 */
interface Place {
  /** Half-open, in UTF-16 code units of the text. */
  readonly start: number
  readonly end: number
}
export interface Member {
  readonly key: string
  readonly start: number
  readonly value: Node
}
export type Node = Place &
  (
    | { readonly kind: 'string'; readonly value: string }
    | { readonly kind: 'number'; readonly spelled: string }
    | { readonly kind: 'bool'; readonly value: boolean }
    | { readonly kind: 'null' }
    | { readonly kind: 'list'; readonly items: readonly Node[] }
    | { readonly kind: 'object'; readonly members: readonly Member[] }
  )

export interface Document {
  readonly root: Node
  /** Levels of lists and objects. */
  readonly depth: number
  /** What Go forgives and no gate may let through. */
  readonly oddities: readonly string[]
}

/** @throws SyntaxError for what Go refuses; trailing data, which it ignores, is refused too */
export function parseGo(text: string): Document {
  const parser = new Parser(text)
  const root = parser.value()
  parser.space()
  if (parser.at < text.length) throw new SyntaxError('trailing data')
  return { root, depth: parser.deepest, oddities: parser.oddities }
}

const plain = /[^"\\\p{Cc}]*/uy
const number = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y
const escapes: Readonly<Record<string, string>> = {
  '"': '"',
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
}

class Parser {
  at = 0
  deepest = 0
  readonly oddities: string[] = []
  readonly #text: string
  #depth = 0

  constructor(text: string) {
    this.#text = text
  }

  space(): void {
    for (;;) {
      const code = this.#text.charCodeAt(this.at)
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return
      this.at++
    }
  }

  value(): Node {
    this.space()
    const start = this.at
    switch (this.#text[start]) {
      case '{':
        return this.#object(start)
      case '[':
        return this.#list(start)
      case '"': {
        const value = this.#string()
        return { kind: 'string', value, start, end: this.at }
      }
      case 't':
        return this.#literal('true', { kind: 'bool', value: true, start, end: start + 4 })
      case 'f':
        return this.#literal('false', { kind: 'bool', value: false, start, end: start + 5 })
      case 'n':
        return this.#literal('null', { kind: 'null', start, end: start + 4 })
      default:
        return this.#number(start)
    }
  }

  #literal(word: string, node: Node): Node {
    if (!this.#text.startsWith(word, this.at)) throw new SyntaxError('no such word')
    this.at = node.end
    return node
  }

  #number(start: number): Node {
    number.lastIndex = start
    const spelled = number.exec(this.#text)?.[0]
    if (!spelled) throw new SyntaxError('a value was expected')
    this.at += spelled.length
    if (!Number.isFinite(Number(spelled))) this.oddities.push('a number is out of range')
    return { kind: 'number', spelled, start, end: this.at }
  }

  #enter(): void {
    this.at++
    this.deepest = Math.max(this.deepest, ++this.#depth)
    if (this.#depth > 1000) throw new SyntaxError('too deep')
    this.space()
  }

  /** After a member or an item: whether another one follows. */
  #more(close: string): boolean {
    this.space()
    const next = this.#text[this.at++]
    if (next === ',') return true
    if (next !== close) throw new SyntaxError('a comma or an end was expected')
    this.#depth--
    return false
  }

  #list(start: number): Node {
    this.#enter()
    const items: Node[] = []
    if (this.#text[this.at] === ']') {
      this.at++
      this.#depth--
    } else
      do items.push(this.value())
      while (this.#more(']'))
    return { kind: 'list', items, start, end: this.at }
  }

  #object(start: number): Node {
    this.#enter()
    const members: Member[] = []
    const keys = new Set<string>()
    if (this.#text[this.at] === '}') {
      this.at++
      this.#depth--
    } else
      do {
        this.space()
        const from = this.at
        const key = this.#string()
        if (keys.has(key)) this.oddities.push('a key stands twice')
        keys.add(key)
        this.space()
        if (this.#text[this.at++] !== ':') throw new SyntaxError('a colon was expected')
        members.push({ key, start: from, value: this.value() })
      } while (this.#more('}'))
    return { kind: 'object', members, start, end: this.at }
  }

  #string(): string {
    if (this.#text[this.at] !== '"') throw new SyntaxError('a string was expected')
    this.at++
    let value = ''
    for (;;) {
      // Go lets DEL and the C1 controls stand; only what is below the blank is refused.
      plain.lastIndex = this.at
      const run = plain.exec(this.#text)?.[0] ?? ''
      value += run
      this.at += run.length
      const next = this.#text[this.at]
      if (next === undefined || next < ' ') throw new SyntaxError('a string without an end')
      this.at++
      if (next === '"') break
      value += next === '\\' ? this.#escape() : next
    }
    if (value.isWellFormed()) return value
    this.oddities.push('a lone surrogate')
    return value.toWellFormed()
  }

  #escape(): string {
    const letter = this.#text[this.at++] ?? ''
    if (letter === 'u') {
      const digits = this.#text.slice(this.at, this.at + 4)
      if (!/^[0-9a-fA-F]{4}$/.test(digits)) throw new SyntaxError('no such escape')
      this.at += 4
      return String.fromCharCode(Number.parseInt(digits, 16))
    }
    const meant = escapes[letter]
    if (meant === undefined) throw new SyntaxError('no such escape')
    return meant
  }
}
