/** Lines of the audit log as its first version made them, from strings: what the writer makes must be the same. */
import { createHash } from 'node:crypto'
import type { Head } from '../../src/audit/write/chain.ts'

export interface SealedLine extends Head {
  /** With its newline. */
  readonly line: string
}

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')

export function seal(
  fields: object,
  after: Head,
  salted?: { readonly content: object; readonly salt: string },
): SealedLine {
  const seq = after.seq + 1
  if (salted === undefined) {
    const body = JSON.stringify({ seq, ...fields, prev: after.hash })
    const hash = sha256(body)
    return { seq, hash, line: `${body.slice(0, -1)},"hash":"${hash}"}\n` }
  }
  const tail = `${salted.salt}",${JSON.stringify(salted.content).slice(1, -1)}`
  const body = JSON.stringify({ seq, ...fields, content: sha256(tail), prev: after.hash })
  const hash = sha256(body)
  return { seq, hash, line: `${body.slice(0, -1)},"hash":"${hash}","salt":"${tail}}\n` }
}
