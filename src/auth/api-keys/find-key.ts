/** Finds a key of the key file by what a person gives as its id. */
import { isKeyId } from '../../core/key-id.ts'
import { nearest } from '../../policy/problem.ts'
import { keyId } from './key.ts'
import { KeyProblem } from './key-changes.ts'
import type { KeyEntry } from './key-file.ts'

/** Finds a key by its id. @param given an id, or a whole key, which no message repeats @throws KeyProblem */
export function findKey(entries: readonly KeyEntry[], given: string): KeyEntry {
  const id = keyId(given) ?? given
  const entry = entries.find((each) => each.id === id)
  if (entry) return entry
  throw new KeyProblem(
    `${isKeyId(id) ? `There is no key ${id}` : 'This is not a key id'}${idHint(entries, given)}`,
  )
}

/** Suggests ids for a text that is not one: users know keys by name, and several keys may have the same name. */
export function idHint(entries: readonly KeyEntry[], given: string): string {
  const named = entries.filter(({ name }) => name === given).map(({ id }) => id)
  const near = nearest(
    given,
    entries.map(({ id }) => id),
  )
  if (named.length > 0)
    return `. Keys with the name ${given}: ${named.join(', ')}. Run \`torwart key list\` to see ids.`
  const meant = near === undefined ? '' : ` (did you mean \`${near}\`?)`
  return `${meant}. Run \`torwart key list\` to see ids.`
}
