/** What of a tool's definition is compared: every member that reaches the model, in one spelling. */
import { hash } from 'node:crypto'
import { type JsonObject, stringOf } from '../../core/json.ts'
import { findSensitive } from '../../detect/sensitive/mask.ts'
import { canonical } from '../arguments.ts'

/**
 * Digests definitions by the name of their tool. Definitions of one name, as in two namespaces, have one digest together, so
 * that neither can take the other's place.
 * @param definitions as the dialect has read them
 * @returns SHA-256 in hex, whatever the order of members and of definitions
 */
export function digestsOf(definitions: readonly JsonObject[]): ReadonlyMap<string, string> {
  const byName = new Map<string, string[]>()
  for (const definition of definitions) {
    const name = stringOf(definition.name)
    const same = byName.get(name)
    if (same) same.push(canonical(definition))
    else byName.set(name, [canonical(definition)])
  }
  return new Map(
    [...byName].map(([name, texts]) => [name, hash('sha256', texts.toSorted().join('\n'))] as const),
  )
}

const nameForm = /^[\w.:@/-]{1,128}$/

/** Names a tool as its pin does: a name that could be a secret, or is none, by its digest. */
export function pinName(tool: string): string {
  if (nameForm.test(tool) && findSensitive(tool).length === 0) return tool
  return `~${hash('sha256', tool).slice(0, 32)}`
}
