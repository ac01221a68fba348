/**
 * The hash chain. Each line commits to the one before:
 *
 *     {"seq":7, …, "prev":"<hash of line 6>", "hash":"<SHA-256 of this line without its hash>"}
 *
 * Changing, removing or reordering a line breaks every line behind it. What a chain alone cannot show is that
 * somebody rewrote all of it, or cut its end: the end is held against `FILE.head` (verify.ts).
 */
import { hash as digest } from 'node:crypto'

/** What the first record of a log follows. */
export const genesis = '0'.repeat(64)

/** The end of a chain. */
export interface Head {
  readonly seq: number
  readonly hash: string
}

const hashField = /,"hash":"([0-9a-f]{64})"\}$/

export interface Link extends Head {
  /** With its newline. */
  readonly line: string
}

export function seal(fields: object, after: Head): Link {
  const seq = after.seq + 1
  const body = JSON.stringify({ seq, ...fields, prev: after.hash })
  const hash = sha256(body)
  return { seq, hash, line: `${body.slice(0, -1)},"hash":"${hash}"}\n` }
}

export interface Checked extends Head {
  readonly prev: string
  readonly event: string | undefined
  readonly time: string | undefined
  readonly record: Readonly<Record<string, unknown>>
}

/**
 * Takes a line (without its newline) apart and checks the hash it carries.
 * @returns the record's place in the chain, or what is wrong with the line alone
 */
export function check(line: string): Checked | { readonly wrong: string } {
  const hash = hashField.exec(line)?.[1]
  if (hash === undefined) return { wrong: 'is not a sealed record' }
  const body = `${line.slice(0, -(hash.length + ',"hash":""}'.length))}}`
  if (sha256(body) !== hash) return { wrong: 'was changed: its hash does not fit its text' }
  const record = JSON.parse(body) as Readonly<Record<string, unknown>>
  const { seq, prev, event, time } = record
  if (typeof seq !== 'number' || typeof prev !== 'string') return { wrong: 'has no place in a chain' }
  return {
    seq,
    hash,
    prev,
    event: typeof event === 'string' ? event : undefined,
    time: typeof time === 'string' ? time : undefined,
    record,
  }
}

function sha256(text: string): string {
  return digest('sha256', text)
}
