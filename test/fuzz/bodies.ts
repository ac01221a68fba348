/**
 * Request bodies as bytes: a full request written out again with chance at every value and every member. The text
 * is built here and not by `JSON.stringify`, so that it can be what no serialiser would write. A third is calm
 * (changed within the fields' types, which the gate mostly takes), most are wild (a fault or two), a few are broken
 * as bytes. A field that no full request holds is tried only as an unknown one.
 */
import { isObject, type JsonValue } from '../../src/core/json.ts'
import type { Random } from './random.ts'
import { foldedTwin, marker, nested, number, spelled, strangeKey, wrongString } from './spelling.ts'

/** Strings the gate takes in a few spellings only: mostly left as they are, or nothing would get further. */
const words = new Set(
  `role type effort reasoning_effort format think keep_alive truncation truncate encoding_format media_type data
   url image_url images template conversation previous_response_id summary status syntax`.split(/\s+/),
)
/** Seldom left out, for the same reason. */
const needed = new Set(
  `model messages input prompt role type name text content function max_tokens id call_id tool_use_id source data
   url image_url refusal action operation definition tools`.split(/\s+/),
)
const media = [
  'data:image/png;base64,AAAA',
  'DATA:image/png;base64,AAAA',
  'data:image/png;base64,AA AA',
  'data:image/png,not encoded',
  'data:text/plain;base64,AAAA',
  'http://169.254.169.254/latest/',
  'file:///etc/passwd',
  ' https://example.com/a.png',
  'AAAA==',
]
// A map, because `constructor` is a key here.
const others: ReadonlyMap<string, readonly string[]> = new Map(
  Object.entries({
    role: ['system', 'user', 'assistant', 'tool', 'developer', 'evil'],
    type: [
      'text',
      'function',
      'message',
      'input_text',
      'image',
      'reasoning',
      'web_search',
      'custom',
      'json_object',
    ],
    keep_alive: ['5m', '-1', '24h', '1.5h', '0', '0s', '3601s', '9999999h', '-5m', 'forever'],
    think: ['low', 'max', 'a_word_of_more_than_thirty_two_letters'],
    format: ['json', ''],
    url: media,
    image_url: media,
    images: media,
    data: media,
  }),
)

interface Chances {
  readonly drop: number
  readonly change: number
  readonly extra: number
  /** Of any one thing that is to be refused or at least doubted. */
  readonly fault: number
  /** Of a value that is of the right type and may still be refused. */
  readonly odd: number
}

export function bodyFor(rng: Random, full: JsonValue, pool: readonly JsonValue[]): Uint8Array {
  const kind = rng.next()
  const drop = rng.pick([0, 0.03, 0.1, 0.4])
  // Large requests have more places for a fault, and are to be no more faulty for it.
  const each = 1 / pool.length
  const calm: Chances = { drop, change: 0.3, extra: 0.03, fault: 0, odd: 0.2 * each }
  const wild: Chances = { drop, change: 0.2, extra: 0.05, fault: rng.pick([0.3, 1, 3]) * each, odd: each }
  const text = new Writer(rng, kind < 0.35 ? calm : wild, pool).write(full)
  const bytes = Buffer.from(text, 'utf8')
  return kind < 0.92 ? bytes : broken(rng, bytes)
}

/** Every value in a value, to put where another one was. */
export function valuesIn(value: JsonValue, into: JsonValue[] = []): JsonValue[] {
  into.push(value)
  if (typeof value === 'object' && value !== null)
    for (const member of Object.values(value)) valuesIn(member, into)
  return into
}

class Writer {
  readonly #rng: Random
  readonly #chances: Chances
  readonly #pool: readonly JsonValue[]
  readonly #blank: string
  /** Keeps values that are mixed with each other from growing without end. */
  #left = 400

  constructor(rng: Random, chances: Chances, pool: readonly JsonValue[]) {
    this.#rng = rng
    this.#chances = chances
    this.#pool = pool
    this.#blank = rng.pick(['', '', '', ' ', '\r\n\t'])
    if (chances.fault > 0 && rng.chance(0.01)) this.#blank = rng.pick(['\u00a0', '\f', '/**/', '\ufeff'])
  }

  write(value: JsonValue): string {
    return this.#blank + this.#value(value, '') + this.#blank
  }

  #value(value: JsonValue, key: string): string {
    const rng = this.#rng
    if (this.#left-- > 0 && rng.chance(this.#chances.fault)) return this.#other(key)
    if (Array.isArray(value)) return this.#list(value, key)
    if (isObject(value)) return this.#object(value)
    if (typeof value === 'string') return this.#string(value, key)
    if (!rng.chance(this.#chances.change)) return String(value)
    if (typeof value === 'number')
      return rng.chance(this.#chances.odd) ? number(rng, false) : String(rng.between(1, 20))
    return rng.pick(['true', 'false', 'false', 'null'])
  }

  #string(value: string, key: string): string {
    const rng = this.#rng
    if (value === '' || words.has(key)) {
      if (!rng.chance(this.#chances.odd)) return spelled(rng, value)
      return spelled(rng, rng.chance(0.8) ? rng.pick(others.get(key) ?? [value]) : marker(rng))
    }
    return rng.chance(0.6) ? spelled(rng, marker(rng)) : spelled(rng, value)
  }

  /** Something else than what belongs here. */
  #other(key: string): string {
    const rng = this.#rng
    switch (rng.below(8)) {
      case 0:
        return 'null'
      case 1:
        return number(rng, true)
      case 2:
        return wrongString(rng)
      case 3:
        return nested(rng)
      case 4:
        return rng.pick(['true', 'false', '[]', '{}', '""', '[null]', '[[]]', '{"":""}'])
      case 5:
        return spelled(rng, marker(rng))
      case 6:
        return spelled(rng, rng.pick(others.get(key) ?? ['json', 'text', 'function']))
      default:
        return this.#value(rng.pick(this.#pool), key)
    }
  }

  #list(items: readonly JsonValue[], key: string): string {
    const rng = this.#rng
    const written: string[] = []
    for (const item of items) {
      if (rng.chance(this.#chances.drop)) continue
      written.push(this.#value(item, key))
      while (this.#left > 0 && rng.chance(0.05)) written.push(this.#value(item, key))
    }
    return `[${this.#blank}${written.join(`${this.#blank},`)}]`
  }

  #object(value: Readonly<Record<string, JsonValue>>): string {
    const rng = this.#rng
    const { drop, extra, fault } = this.#chances
    const written: string[] = []
    for (const key of Object.keys(value)) {
      if (rng.chance(needed.has(key) ? drop * 0.1 : drop)) continue
      const member = value[key] ?? null
      written.push(this.#member(key, member))
      if (!rng.chance(fault)) continue
      // The same field once more, as Go sees it.
      const again = rng.chance(0.5) ? key : foldedTwin(rng, key)
      if (rng.chance(0.3)) written.pop()
      written.push(this.#member(again, rng.chance(0.5) ? member : rng.pick(this.#pool)))
    }
    if (rng.chance(fault)) written.push(`${spelled(rng, strangeKey(rng))}:${this.#other('')}`)
    if (this.#left > 0 && rng.chance(extra)) written.push(this.#member(strangeKey(rng), rng.pick(this.#pool)))
    if (rng.chance(0.3)) written.reverse()
    return `{${this.#blank}${written.join(`${this.#blank},`)}${rng.chance(fault * 0.1) ? ',' : ''}}`
  }

  #member(key: string, value: JsonValue): string {
    return `${spelled(this.#rng, key)}${this.#blank}:${this.#blank}${this.#value(value, key)}`
  }
}

const insertions = [
  [0xff],
  [0xc0, 0xaf],
  [0xed, 0xa0, 0x80],
  [0xef, 0xbb, 0xbf],
  [0],
  [0x1f],
  [0xe2],
  [0x22],
  [0x5c],
]

function broken(rng: Random, bytes: Buffer): Uint8Array {
  const at = rng.below(bytes.length)
  const to = rng.below(bytes.length)
  switch (rng.below(7)) {
    case 0:
      return bytes.subarray(0, at)
    case 1:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(to)])
    case 2:
      return Buffer.concat([
        bytes,
        Buffer.from(rng.pick(['x', '{}', ',', '}', '\0', ' null', '\n{"model":"x"}'])),
      ])
    case 3:
      return Buffer.concat([Buffer.from(rng.pick(['\ufeff', ")]}'\n", '[', '\0'])), bytes])
    case 4:
      return Buffer.from(rng.pick(['', ' ', 'null', '[]', '{}', '""', '0', '{"model":null}', '[{}]']))
    case 5:
      return Buffer.concat([bytes.subarray(0, at), Buffer.from(rng.pick(insertions)), bytes.subarray(at)])
    default: {
      const flipped = Buffer.from(bytes)
      flipped[at] = (flipped[at] ?? 0) ^ (1 << rng.below(8))
      return flipped
    }
  }
}
