/**
 * The hash chain. Each line commits to the one before, and to its own content by a salted digest:
 *
 *     {"seq":7, …, "content":"<digest>", "prev":"<hash of line 6>", "hash":"<hash>", "salt":"…", "prompt":[…], …}
 *
 * `hash` is the SHA-256 of the line without everything from `hash` on, `content` that of all from the salt's first digit
 * to the brace that closes the line. So salt and content can be taken out later and the chain still holds; what is left of them cannot be undone by
 * trying. A line whose content was erased ends in `"erased":"<id of the erasure>"`. Lines without content, and all
 * lines of earlier versions, end with their hash.
 *
 * What a chain alone cannot show is that somebody rewrote all of it, or cut its end: that is held against `FILE.head`
 * and against signed checkpoints (verify.ts).
 */
import { hash as digest, randomFillSync } from 'node:crypto'

/** What the first record of a log follows. */
export const genesis = '0'.repeat(64)

/** The end of a chain. */
export interface Head {
  readonly seq: number
  readonly hash: string
}

/** What may be erased later, under names that the fields of the record do not have, and its salt: 32 hex digits. */
export interface Salted {
  readonly content: object
  readonly salt: string
}

/** Bytes of a buffer that is kept from one write to the next. */
const keptBytes = 1024 * 1024
const firstBytes = 64 * 1024
/** Bytes of UTF-8 that a UTF-16 code unit may take. */
const maxBytesOfUnit = 3

/**
 * Lines that are sealed for one write. Each is put into its bytes once, and both digests are of these bytes: to join
 * strings, and to encode them for the digest and again for the file, costs as much as the digests.
 */
export class SealedLines {
  #bytes = Buffer.allocUnsafeSlow(firstBytes)
  #length = 0

  /** The lines, with their newlines; valid until the next `add` or `clear`. */
  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#length)
  }

  clear(): void {
    this.#length = 0
    if (this.#bytes.length > keptBytes) this.#bytes = Buffer.allocUnsafeSlow(firstBytes)
  }

  /**
   * Adds the line behind `after`.
   * @param fields not empty
   * @param salted what may be erased later
   * @returns where the chain then ends
   */
  add(fields: object, after: Head, salted?: Salted): Head {
    const seq = after.seq + 1
    const start = this.#length
    this.#put(`{"seq":${seq}`)
    this.#putMembers(fields)
    const contentAt = this.#length + bondHead.length
    if (salted) this.#put(`${bondHead}${genesis}"`)
    this.#put(`,"prev":"${after.hash}"}`)
    const end = this.#length
    if (!salted) {
      const hash = sha256(this.#bytes.subarray(start, end))
      this.#bytes[end - 1] = comma
      this.#put(`"hash":"${hash}"}\n`)
      return { seq, hash }
    }
    this.#put(`"hash":"${genesis}"${saltHead}`)
    const tail = this.#length
    this.#put(`${salted.salt}"`)
    this.#putMembers(salted.content)
    this.#bytes.write(sha256(this.#bytes.subarray(tail, this.#length)), contentAt, 'latin1')
    const hash = sha256(this.#bytes.subarray(start, end))
    this.#bytes[end - 1] = comma
    this.#bytes.write(hash, end + '"hash":"'.length, 'latin1')
    this.#put('}\n')
    return { seq, hash }
  }

  /** Puts a comma and what stands between the braces of an object. */
  #putMembers(object: object): void {
    const start = this.#length
    this.#put(JSON.stringify(object))
    this.#bytes[start] = comma
    this.#length--
  }

  #put(text: string): void {
    const needed = this.#length + text.length * maxBytesOfUnit
    if (needed > this.#bytes.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.#bytes.length * 2))
      this.#bytes.copy(larger, 0, 0, this.#length)
      this.#bytes = larger
    }
    this.#length += this.#bytes.write(text, this.#length)
  }
}

/** A line whose hashes hold. */
export interface Checked extends Head {
  readonly prev: string
  readonly event: string | undefined
  readonly time: string | undefined
  /** What the hash covers; read when it is asked for. */
  fields(): Readonly<Record<string, unknown>>
  /** Whether it commits to content. */
  readonly bound: boolean
  /** The erasure that took the content, if one did. */
  readonly erased: string | undefined
}

/** What is wrong with a line, behind "record N". */
export interface Wrong {
  readonly wrong: string
}

const seam = Buffer.from(',"prev":"')
const seal64 = seam.length + 64
const seams = seal64 + '","hash":"'.length
const saltHead = ',"salt":"'
/** Hex digits. */
const saltLength = 32
const erasedTail = /^,"erased":"([0-9a-f]{12})"\}$/
const bondHead = ',"content":"'
const bond = /^,"content":"([0-9a-f]{64})"$/
const bondLength = bondHead.length + 64 + 1
/** As every record that is no event begins; then nothing else of it need be read. */
const opening = /^\{"seq":(\d{1,15}),"time":"([^"\\]{1,40})","id":"/
const [quote, comma, brace] = [0x22, 0x2c, 0x7d]

/**
 * Takes a line (without its newline) apart and checks the hashes it carries. Works on bytes: a million lines that had to
 * become text first would take twice as long.
 * @returns the record's place in the chain, or what is wrong with the line alone
 */
export function check(given: Buffer | string): Checked | Wrong {
  const line = typeof given === 'string' ? Buffer.from(given) : given
  // In a text inside JSON every quote is escaped, so the last of these is the seal's.
  const at = line.lastIndexOf(seam)
  const end = at + seal64
  if (at === -1 || line.toString('latin1', end, at + seams) !== '","hash":"')
    return { wrong: 'is not a sealed record' }
  const prev = line.toString('latin1', at + seam.length, end)
  const hash = line.toString('latin1', at + seams, at + seams + 64)
  // What was hashed ended with a brace where the hash now begins.
  line[end + 1] = brace
  const found = sha256(line.subarray(0, end + 2))
  line[end + 1] = comma
  if (found !== hash) return { wrong: 'was changed: its hash does not match its text' }
  // Neither is under a hash, and without them no reader would find the record any more.
  if (line[at + seams + 64] !== quote || line.at(-1) !== brace) return { wrong: 'is not a sealed record' }
  const place = placeOf(line, at)
  if (!place) return { wrong: 'does not belong to a chain' }
  const content = bond.exec(line.toString('latin1', Math.max(0, at - bondLength), at))?.[1]
  const from = at + seams + 64 + 1
  const erased = line.length - from < 64 ? erasedTail.exec(line.toString('latin1', from))?.[1] : undefined
  const wrong = wrongTail(line, from, content, erased)
  if (wrong !== undefined) return { wrong }
  return { ...place, hash, prev, erased, bound: content !== undefined }
}

type Place = Pick<Checked, 'seq' | 'time' | 'event' | 'fields'>

function placeOf(line: Buffer, at: number): Place | undefined {
  const parse = () => JSON.parse(`${line.toString('utf8', 0, at + seal64 + 1)}}`) as Record<string, unknown>
  const [, number, moment] = opening.exec(line.toString('latin1', 0, 96)) ?? []
  if (number !== undefined) return { seq: Number(number), time: moment, event: undefined, fields: parse }
  try {
    const record = parse()
    const { seq, event, time } = record
    if (typeof seq !== 'number') return undefined
    const text = (value: unknown) => (typeof value === 'string' ? value : undefined)
    return { seq, event: text(event), time: text(time), fields: () => record }
  } catch {
    return undefined
  }
}

/** What stands behind the seal, held against the digest before it. */
function wrongTail(
  line: Buffer,
  from: number,
  content: string | undefined,
  erased: string | undefined,
): string | undefined {
  if (content === undefined)
    return line.length === from + 1 && line[from] === brace ? undefined : 'has data after its seal'
  if (erased !== undefined) return undefined
  if (line.toString('latin1', from, from + saltHead.length) !== saltHead)
    return 'has lost its content without a recorded erasure'
  if (sha256(line.subarray(from + saltHead.length, -1)) !== content)
    return 'was changed: its content does not match its digest'
  return undefined
}

/**
 * Makes the line without its salt and content, with the id of the erasure instead; undefined if it has none.
 */
export function withoutContent(line: string, erasure: string): string | undefined {
  const at = line.lastIndexOf(seam.toString())
  const from = at + seams + 64 + 1
  if (at === -1 || !line.startsWith(saltHead, from)) return undefined
  return `${line.slice(0, from)},"erased":"${erasure}"}`
}

function sha256(text: string | Buffer): string {
  return digest('sha256', text)
}

/** Salts of 128 bits. Asking the system for each would cost more than the digest it goes into, so it is asked for many. */
export function createSalts(): () => string {
  const salts = Buffer.alloc((saltLength / 2) * 256)
  let at = salts.length
  return () => {
    if (at === salts.length) {
      randomFillSync(salts)
      at = 0
    }
    at += saltLength / 2
    return salts.toString('hex', at - saltLength / 2, at)
  }
}
