/** What a policy has made narrower that no record tells of: requests that it may now refuse, or not. */
import type { Caps, Policy, Role } from '../../policy/policy.ts'
import type { RecordedRequest } from './recorded-request.ts'

/** Caps whose excess refuses; others are lowered. */
const refusing = ['bodyBytes', 'images', 'imageBytes', 'inputs', 'stops', 'tools', 'schema'] as const
type RefusingCap = (typeof refusing)[number]

/** Where a cap can matter; absent: in any request with a body. */
const mattersTo: Partial<Record<RefusingCap, (request: RecordedRequest) => boolean>> = {
  images: hasImages,
  imageBytes: hasImages,
  inputs: ({ to }) => to?.endpoint.group === 'embeddings',
  tools: hasDefinitions,
  schema: hasDefinitions,
}

function hasImages({ unread }: RecordedRequest): boolean {
  return unread.length > 0
}

function hasDefinitions({ texts }: RecordedRequest): boolean {
  return !texts || texts.some(({ channel }) => channel === 'definition')
}

/**
 * Tells what of the new policy could refuse a request that was let through, and is not on record.
 * @param before the policy that let it through; undefined: it is not known any more
 * @returns undefined if there is nothing
 */
export function narrowingOf(
  request: RecordedRequest,
  before: Policy | undefined,
  now: Policy,
): string | undefined {
  const { identity, to, unread } = request
  if (to?.endpoint.kind !== 'exchange') return undefined
  const role = now.roles.get(identity?.role ?? '')
  const old = before?.roles.get(identity?.role ?? '')
  if (!role) return undefined
  if (!old) return unread.length > 0 ? 'what no guard reads (images, context) is not on record' : undefined
  const lower = refusing.find(
    (cap) => isLower(role.caps, old.caps, cap) && (mattersTo[cap]?.(request) ?? true),
  )
  if (lower !== undefined) return `\`caps.${lower}\` is lower, and what it counts is not on record`
  const lost = [...old.allow].find((feature) => !role.allow.has(feature))
  if (lost !== undefined) return `\`allow\` has lost \`${lost}\`, and whether it was used is not on record`
  return isStricter(role, old)
    ? '`strict` is on, and what was left out of the request is not on record'
    : undefined
}

function isLower(now: Caps, before: Caps, cap: RefusingCap): boolean {
  return now[cap] < before[cap]
}

function isStricter(now: Role, before: Role): boolean {
  return now.strict && !before.strict
}
