/** Values of a policy in a sentence, without secrets. */
import { redacted } from '../../policy/redact.ts'
import type { SchemaNode } from '../../policy/schema/node.ts'
import { isMapping, type Placed } from './changes.ts'
import type { Side } from './side.ts'

const maxLength = 160
/** RFC 3986, 3.2.1: what stands before `@`. */
const userInfo = /(:\/\/)[^\s/@'"<>]+@/g

/** Shows a value; undefined if it may not be shown. */
export function shown(node: SchemaNode, placed: Placed, side: Side): string | undefined {
  if (isHidden(node, placed, side)) return undefined
  const { value } = placed
  const text = typeof value === 'string' ? value : JSON.stringify(withoutSecrets(node, placed, side))
  const safe = text.replace(userInfo, `$1${redacted}@`).replaceAll(/[\p{Cc}\p{Cf}`]/gu, '\u00b7')
  return safe.length > maxLength ? `${safe.slice(0, maxLength)}…` : safe
}

function isHidden({ form }: SchemaNode, { path, value }: Placed, side: Side): boolean {
  return form === 'secret' || (typeof value !== 'object' && !side.mayShow(path))
}

function withoutSecrets(node: SchemaNode, placed: Placed, side: Side): unknown {
  const { value, path } = placed
  if (isHidden(node, placed, side)) return redacted
  if (Array.isArray(value)) {
    const list: readonly unknown[] = value
    return list.map((item, index) =>
      withoutSecrets(node.items ?? {}, { value: item, path: [...path, index] }, side),
    )
  }
  if (!isMapping(value)) return value
  const [member] = Object.values(node.patternProperties ?? {})
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key,
      withoutSecrets(node.properties?.[key] ?? member ?? {}, { value: inner, path: [...path, key] }, side),
    ]),
  )
}
