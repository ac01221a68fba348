/**
 * The hash chain. Each line commits to the one before, and to its own content by a salted digest:
 *
 *     {"seq":7, …, "content":"<digest>", "prev":"<hash of line 6>", "hash":"<hash>", "salt":"…", "prompt":[…], …}
 *
 * `hash` is the SHA-256 of the line without everything from `hash` on, `content` that of the salt and the text behind
 * it. So salt and content can be taken out later and the chain still holds; what is left of them cannot be undone by
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

export interface Link extends Head {
  /** With its newline. */
  readonly line: string
}

/** What may be erased later, under names that the fields of the record do not have, and its salt: 32 hex digits. */
export interface Salted {
  readonly content: object
  readonly salt: string
}

export function seal(fields: object, after: Head, salted?: Salted): Link {
  const seq = after.seq + 1
  if (salted === undefined) {
    const body = JSON.stringify({ seq, ...fields, prev: after.hash })
    const hash = sha256(body)
    return { seq, hash, line: `${body.slice(0, -1)},"hash":"${hash}"}\n` }
  }
  const { salt } = salted
  const inner = JSON.stringify(salted.content).slice(1, -1)
  const body = JSON.stringify({ seq, ...fields, content: sha256(salt + inner), prev: after.hash })
  const hash = sha256(body)
  return { seq, hash, line: `${body.slice(0, -1)},"hash":"${hash}","salt":"${salt}",${inner}}\n` }
}

export interface Checked extends Head {
  readonly prev: string
  readonly event: string | undefined
  readonly time: string | undefined
  /** What the hash covers. */
  readonly record: Readonly<Record<string, unknown>>
  /** The erasure that took the content, if one did. */
  readonly erased: string | undefined
}

export interface Wrong {
  readonly wrong: string
}

const seam = ',"prev":"","hash":""'.length + 128
const hex = /^[0-9a-f]{64}$/
const erasedTail = /^,"erased":"([0-9a-f]{12})"\}$/
const saltHead = ',"salt":"'
const saltLength = 32

/**
 * Takes a line (without its newline) apart and checks the hashes it carries.
 * @returns the record's place in the chain, or what is wrong with the line alone
 */
export function check(line: string): Checked | Wrong {
  const parts = taken(line)
  if (!parts) return { wrong: 'is not a sealed record' }
  const { body, prev, hash, tail } = parts
  if (sha256(body) !== hash) return { wrong: 'was changed: its hash does not fit its text' }
  let record: Readonly<Record<string, unknown>>
  try {
    record = JSON.parse(body) as Readonly<Record<string, unknown>>
  } catch {
    return { wrong: 'is not a sealed record' }
  }
  const { seq, event, time, content } = record
  if (typeof seq !== 'number' || record.prev !== prev) return { wrong: 'has no place in a chain' }
  const erased = erasedTail.exec(tail)?.[1]
  const wrong = wrongContent(tail, content, erased)
  if (wrong !== undefined) return { wrong }
  return {
    seq,
    hash,
    prev,
    event: typeof event === 'string' ? event : undefined,
    time: typeof time === 'string' ? time : undefined,
    record,
    erased,
  }
}

/** The line without its salt and content, with the name of the erasure instead; undefined if it has none. */
export function withoutContent(line: string, erasure: string): string | undefined {
  const parts = taken(line)
  if (!parts?.tail.startsWith(saltHead)) return undefined
  return `${line.slice(0, line.length - parts.tail.length)},"erased":"${erasure}"}`
}

interface Parts {
  /** What the hash is made of. */
  readonly body: string
  readonly prev: string
  readonly hash: string
  /** Everything behind the hash. */
  readonly tail: string
}

/** In a text inside JSON every quote is escaped, so the last of these is the seal's. */
function taken(line: string): Parts | undefined {
  const at = line.lastIndexOf(',"prev":"')
  if (at === -1) return undefined
  const seal = line.slice(at, at + seam)
  const prev = seal.slice(9, 73)
  const hash = seal.slice(83, 147)
  if (seal.slice(73, 83) !== '","hash":"' || !hex.test(prev) || !hex.test(hash)) return undefined
  return { body: `${line.slice(0, at + 74)}}`, prev, hash, tail: line.slice(at + seam) }
}

function wrongContent(tail: string, content: unknown, erased: string | undefined): string | undefined {
  if (typeof content !== 'string') return tail === '}' ? undefined : 'has something behind its seal'
  if (erased !== undefined) return undefined
  if (!tail.startsWith(saltHead)) return 'has lost its content, and no erasure says so'
  const from = saltHead.length + saltLength
  if (!tail.startsWith('",', from)) return 'has no salt'
  const salt = tail.slice(saltHead.length, from)
  if (sha256(salt + tail.slice(from + 2, -1)) !== content)
    return 'was changed: its content does not fit its digest'
  return undefined
}

function sha256(text: string): string {
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
