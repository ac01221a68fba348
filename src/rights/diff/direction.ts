/** Whether a change lets callers do more or less. What is not in the table is neither. */
import { type Change, numberOf } from './changes.ts'

/** What a change does to rights. */
export type Direction = 'widened' | 'narrowed' | 'other'

type Judge = (change: Change) => Direction

const either = (isWider: boolean): Direction => (isWider ? 'widened' : 'narrowed')

/** A higher number widens; none at all is no limit. */
const more: Judge = ({ node, before, after }) => {
  const of = (value: unknown) => numberOf(node, value) ?? Number.POSITIVE_INFINITY
  return either(of(after.value) > of(before.value))
}
/** Words from the strictest to the widest. Absent: as wide as can be, unless another is told. */
const words =
  (...order: readonly string[]): Judge =>
  ({ before, after }) => {
    const [old, now] = [order.indexOf(String(before.value)), order.indexOf(String(after.value))]
    return old === -1 || now === -1 ? 'other' : either(now > old)
  }
const added: Judge = ({ items, before, after }) => {
  if (items) return items.added.length > 0 ? 'widened' : 'narrowed'
  if (before.value === undefined) return 'widened'
  return after.value === undefined ? 'narrowed' : 'other'
}
const opposite =
  (judge: Judge): Judge =>
  (change) => {
    const direction = judge(change)
    return direction === 'other' ? 'other' : either(direction === 'narrowed')
  }
const restricts = opposite(added)
const permits: Judge = ({ after }) => either(after.value === true)
const protects = opposite(permits)

/** Of keys for which what observes is enforced. */
const share: Judge = ({ before, after }) => {
  const of = (value: unknown) => Number.parseInt(String(value ?? '0%'), 10)
  return either(of(after.value) < of(before.value))
}

const actions = words('block', 'redact', 'flag', 'off')
const modes = words('enforce', 'freeze', 'alert', 'observe', 'off')

/** Keys of `guards`, for all and for a role. */
const guardKeys: readonly (readonly [string, Judge])[] = [
  ['*.mode', modes],
  ['prompt.block', words('low', 'medium', 'high')],
  ['prompt.flag', words('low', 'medium', 'high')],
  ['prompt.disable', added],
  ['prompt.packs', restricts],
  ['prompt.separate', protects],
  ['prompt.datamark', protects],
  ['prompt.model', restricts],
  ['prompt.model.when', words('all', 'untrusted', 'flagged')],
  ['output.links.allow', added],
  ['output.links.otherwise', actions],
  ['output.canary', protects],
  ...['secrets', 'pii', 'toolArguments', 'controls', 'injection', 'scripts', 'theft', 'schema'].map(
    (key) => [`output.${key}`, actions] as const,
  ),
]

/** By pattern of the path, with `*` for one name; the first that matches applies. */
const table: readonly (readonly [string, Judge])[] = [
  ...guardKeys.flatMap(([key, judge]) => [
    [`guards.${key}`, judge] as const,
    [`roles.*.guards.${key}`, judge] as const,
  ]),
  ['limits.mode', modes],
  ['roles.*.limits.mode', modes],
  ['roles.*.enforce', share],
  ['roles.*.tools.mode', modes],
  ['roles.*.limits.repetition', restricts],
  ['roles.*.limits.repetition.same', more],
  ['roles.*.limits.perPerson', restricts],
  ['roles.*.limits.perPerson.*', more],
  ['roles.*.limits.*', more],
  ['roles.*.shared.*', more],
  ['limits.*', more],
  ['models.*.limits.*', more],
  ['groups.*.tokensPerMonth', more],
  ['groups.*', restricts],
  ['roles.*.caps.keepAlive.min', opposite(more)],
  ['roles.*.caps.keepAlive.max', more],
  ['roles.*.caps.*', more],
  ['roles.*.routes', added],
  ['roles.*.models', added],
  ['roles.*.allow', added],
  ['roles.*.strict', protects],
  ['roles.*.trustSystem', permits],
  ['roles.*.separate', protects],
  ['roles.*.person.required', protects],
  ['roles.*.admin.registries', added],
  ['roles.*.admin.blob', more],
  ['roles.*.tools.arguments', restricts],
  ['roles.*.tools.arguments.*', restricts],
  ['admin.token', restricts],
  ['admin.console', permits],
  ['admin.viewers', added],
  ['admin.hosts', added],
  ['listen.cors.origins', added],
  ['listen.tls', restricts],
  ['listen.tls.clientCa', restricts],
  ['listen.tls.clientCert', words('required', 'optional')],
  ['upstreams.*.remote', permits],
  ['upstreams.*.concurrent', more],
  ['jwt.*', added],
  ['jwt.*.algorithms', added],
  ['certificates.*', added],
  ['passthrough.*', added],
  ['sandbox.*', added],
  ['sandbox.*.read', added],
  ['sandbox.*.write', added],
  ['sandbox.*.timeout', more],
  ['approval.approvers', added],
  ['store.onFailure', words('refuse', 'local')],
  ['tokens.*', more],
  ['door.failuresPerMinute', more],
  ['door.connections', more],
  ['door.proxies', added],
  ['models.require', restricts],
  ['models.onDrift', words('refuse', 'flag')],
  ['models.tools', words('pin', 'off')],
  ['anomalies.mode', modes],
  ['reload.tests', words('require', 'off')],
]

/** Tells the direction of a change. */
export function directionOf(change: Change): Direction {
  if (change.isOrder) return 'other'
  const judge = table.find(([pattern]) => fits(pattern, change.path.map(String)))?.[1]
  return judge?.(change) ?? 'other'
}

function fits(pattern: string, path: readonly string[]): boolean {
  const steps = pattern.split('.')
  return steps.length === path.length && steps.every((step, index) => step === '*' || step === path[index])
}
