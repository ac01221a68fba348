/**
 * Writes bodies as JSON. What several bodies hold is written once: such an object is frozen, so its JSON stays what it is.
 */
import type { JsonObject, JsonValue } from '../../core/json.ts'

const written = new WeakMap<object, string>()

/** Writes an object once for all bodies that hold it. @param value frozen, with all that is in it */
export function keepJson(value: JsonObject): void {
  written.set(value, JSON.stringify(value))
}

/** Writes a body as `JSON.stringify` does. */
export function bodyToJson(body: JsonObject): string {
  const members: string[] = []
  for (const key of Object.keys(body)) {
    const value = body[key]
    if (value !== undefined) members.push(`${JSON.stringify(key)}:${memberToJson(value)}`)
  }
  return `{${members.join(',')}}`
}

function memberToJson(value: JsonValue): string {
  if (!Array.isArray(value)) return JSON.stringify(value)
  let json = '['
  for (let index = 0; index < value.length; index++) {
    if (index > 0) json += ','
    const item = value[index] ?? null
    const known = typeof item === 'object' && item !== null ? written.get(item) : undefined
    json += known ?? JSON.stringify(item)
  }
  return `${json}]`
}
