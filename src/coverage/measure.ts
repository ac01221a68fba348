/**
 * What a measure is: one thing that a policy can do or leave undone, judged by settings alone. A measure names the settings
 * that meet it and those that do not; what they mean for a control is decided by `judge.ts`.
 */
import type { KeyEntry } from '../auth/api-keys/key-file.ts'
import type { Policy, Role } from '../policy/policy.ts'
import type { TraceId } from './evidence/traces.ts'
import type { Words } from './words.ts'

/** How far something is done: wholly, in part, or not. */
export type Extent = 'met' | 'partly' | 'not'

/** A setting as the policy has it, and how far it does what its measure asks. */
export interface Setting {
  /** Path in the policy; `built in` for what no setting can switch off. */
  readonly path: string
  /** As the policy would write it. */
  readonly value: string
  readonly extent: Extent
}

/** What is judged. */
export interface Facts {
  readonly policy: Policy
  readonly keys: readonly KeyEntry[]
  readonly nowMs: number
}

/** One thing that a policy can do or leave undone. */
export interface Measure {
  readonly what: Words
  /** The command that shows it. */
  readonly proof: string
  /** What the audit log may hold of its work. */
  readonly traces: readonly TraceId[]
  /** Lists the settings that decide; never none. */
  judge(facts: Facts): readonly Setting[]
}

/** Tells how far a measure is met: wholly if all settings are, not if none does anything. */
export function extentOf(settings: readonly Setting[]): Extent {
  if (settings.every(({ extent }) => extent === 'met')) return 'met'
  return settings.every(({ extent }) => extent === 'not') ? 'not' : 'partly'
}

/** Prints a setting as `path: value`. */
export function print({ path, value }: Setting): string {
  return `${path}: ${value}`
}

/** Makes a setting. */
export function setting(path: string, value: unknown, extent: Extent): Setting {
  return { path, value: String(value ?? 'absent'), extent }
}

/** Tells the extent of what is either done or not. */
export function whether(isMet: boolean): Extent {
  return isMet ? 'met' : 'not'
}

/** What the program does whatever the policy says. @param what in short */
export function builtIn(what: string): Measure['judge'] {
  return () => [{ path: 'built in', value: what, extent: 'met' }]
}

/** Returns the roles whose requests reach a model. */
export function usingRoles({ roles }: Policy): readonly Role[] {
  return [...roles.values()].filter(({ routes }) =>
    [...routes].some((group) => group !== 'models' && group !== 'admin'),
  )
}

const writing = ['chat', 'completions', 'realtime'] as const

/** Returns the roles for which a model writes text. */
export function writingRoles({ roles }: Policy): readonly Role[] {
  return [...roles.values()].filter(({ routes }) => writing.some((group) => routes.has(group)))
}

const reading: ReadonlySet<string> = new Set(['GET', 'HEAD'])

/** Adds the prefixes below which requests reach a model server unread, if anything is done for the others. */
export function besidePassThrough({ passThrough }: Policy, settings: readonly Setting[]): readonly Setting[] {
  if (settings.every(({ extent }) => extent === 'not')) return settings
  const open = passThrough.filter(({ methods }) => [...methods].some((method) => !reading.has(method)))
  const told = open.map(({ prefix, methods }) =>
    setting('passthrough', `${prefix} (${[...methods].join(', ')})`, 'partly'),
  )
  return [...settings, ...told]
}

/** Judges each role. Where there is none, nothing is done. */
export function ofRoles(
  roles: readonly Role[],
  judge: (role: Role) => readonly Setting[],
): readonly Setting[] {
  const settings = distinct(roles.flatMap(judge))
  return settings.length > 0 ? settings : [setting('roles', '{}', 'not')]
}

/** Several roles share what none of them overrides. */
function distinct(settings: readonly Setting[]): readonly Setting[] {
  return [...new Map(settings.map((each) => [`${print(each)} ${each.extent}`, each])).values()]
}
