/**
 * Checks what a signer signed. What is signed repeats what the record says, so that a signature under one record proves
 * nothing about another.
 */
import type { KeyObject } from 'node:crypto'
import { compactVerify } from 'jose'

/** Verifies a signature. @returns what was signed; undefined if it was by none of these keys */
export async function readProof(
  jws: unknown,
  keys: ReadonlyMap<string, KeyObject>,
): Promise<Readonly<Record<string, unknown>> | undefined> {
  if (typeof jws !== 'string') return undefined
  try {
    const { payload } = await compactVerify(
      jws,
      ({ kid }) => {
        const key = keys.get(kid ?? '')
        if (!key) throw new Error('unknown key')
        return key
      },
      { algorithms: ['EdDSA'] },
    )
    return JSON.parse(Buffer.from(payload).toString('utf8')) as Record<string, unknown>
  } catch {
    return undefined
  }
}

/** Whether the `proof` of a record is this key's, and says what the record says. */
export async function isProven(
  event: string,
  record: Readonly<Record<string, unknown>>,
  keys: ReadonlyMap<string, KeyObject>,
): Promise<boolean> {
  const signed = await readProof(record.proof, keys)
  if (!signed) return false
  const said = Object.keys(signed).map((name) => [name, name === 'event' ? event : record[name]])
  return JSON.stringify(Object.fromEntries(said)) === JSON.stringify(signed) && signed.event === event
}
