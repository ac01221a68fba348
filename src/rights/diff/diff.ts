/**
 * Two policies compared in sentences: rights that widen, rights that narrow, and everything else. Compared is what the policies
 * mean, with defaults and inherited guards written out. What has no sentence of its own is named by its path.
 */
import { readFileSync } from 'node:fs'
import Value from 'typebox/value'
import { type KeyEntry, keyStatus } from '../../auth/api-keys/key-file.ts'
import type { Exception } from '../../policy/exceptions.ts'
import type { LoadedPolicy } from '../../policy/load.ts'
import type { Policy } from '../../policy/policy.ts'
import { role as roleSchema } from '../../policy/schema/role.ts'
import { policySchema, type RoleConfig } from '../../policy/schema/schema.ts'
import { type Change, changesBetween } from './changes.ts'
import { goneRole, newRole, toolDifferences } from './roles.ts'
import { type Difference, sentencesOf } from './sentences.ts'
import { resolvedRole, type Side, sideOf } from './side.ts'

/** What is different, rights that widen first. */
export interface PolicyDiff {
  readonly widened: readonly Difference[]
  readonly narrowed: readonly Difference[]
  readonly other: readonly Difference[]
}

interface Comparison {
  readonly before: Side
  readonly after: Side
  /** ` ; N keys have it`, for the end of a sentence. */
  holders(role: string): string
}

/** Compares two policies. @param keys by which holders of roles are counted */
export function diffPolicies(
  before: LoadedPolicy,
  after: LoadedPolicy,
  keys: readonly KeyEntry[],
  nowMs: number,
): PolicyDiff {
  const comparison: Comparison = {
    before: sideOf(before),
    after: sideOf(after),
    holders: (role) => holdersOf(role, keys, nowMs),
  }
  const all = [...configDifferences(comparison), ...fileDifferences(before.policy, after.policy)]
  const of = (direction: Difference['direction']) => all.filter((each) => each.direction === direction)
  return { widened: of('widened'), narrowed: of('narrowed'), other: of('other') }
}

function holdersOf(role: string, keys: readonly KeyEntry[], nowMs: number): string {
  const count = keys.filter((key) => key.role === role && keyStatus(key, nowMs) === 'active').length
  if (count === 0) return '; no key has it'
  return count === 1 ? '; 1 key has it' : `; ${count} keys have it`
}

function configDifferences(comparison: Comparison): readonly Difference[] {
  const { before, after, holders } = comparison
  const place = ({ config }: Side) => ({ value: config, path: [] })
  const changes = changesBetween(policySchema, place(before), place(after))
  const both = Object.keys(before.config.roles).filter((name) => Object.hasOwn(after.config.roles, name))
  return [
    ...both.flatMap((name) =>
      toolDifferences(name, before.config.roles[name]?.tools, after.config.roles[name]?.tools, holders(name)),
    ),
    ...changes.flatMap((change) => differencesOf(change, comparison)),
  ]
}

/** Told by `toolDifferences`. */
const ofTools = new Set(['allow', 'approve'])

function differencesOf(change: Change, comparison: Comparison): readonly Difference[] {
  const [top, role, key, inner] = change.path.map(String)
  if (top === 'roles' && role !== undefined) {
    if (key === undefined) return wholeRole(change, role, comparison)
    if (key === 'tools' && inner === undefined) return wholeTools(change, comparison)
    if (key === 'tools' && inner !== undefined && ofTools.has(inner)) return []
  }
  return sentencesOf(change, comparison, comparison.holders)
}

/** The keys of a new role that differ from their defaults are told one by one. */
function wholeRole(change: Change, name: string, comparison: Comparison): readonly Difference[] {
  const { after, holders } = comparison
  const role = after.config.roles[name]
  if (!role) return [goneRole(name, holders(name))]
  const rest = changesBetween(change.node, { value: emptyRole(after), path: [] }, change.after, change.path)
  const told = new Set(['routes', 'models'])
  const others = rest
    .filter(
      ({ path }) => !told.has(String(path[2])) && !(path[2] === 'tools' && ofTools.has(String(path[3]))),
    )
    .flatMap((each) =>
      each.path[2] === 'tools' && each.path.length === 3
        ? wholeTools(each, comparison)
        : sentencesOf(each, comparison, holders),
    )
  return [
    newRole(name, role, holders(name)),
    ...others.map((each) => ({ ...each, direction: 'other' as const })),
  ]
}

/** A role that says nothing, with what it inherits. */
function emptyRole({ config }: Side): RoleConfig {
  // The schema fills every default in.
  return resolvedRole(Value.Default(roleSchema, {}) as RoleConfig, config)
}

/** Of `tools` that are new or gone, what is said beside the names. */
function wholeTools(change: Change, comparison: Comparison): readonly Difference[] {
  const { before, after, node } = change
  if (after.value === undefined) return []
  const empty = { mode: 'enforce', allow: [], approve: [], otherwise: 'refuse', arguments: {} }
  const inner = changesBetween(node, { value: empty, path: before.path }, after, change.path)
  return inner
    .filter(({ path }) => !ofTools.has(String(path.at(-1))))
    .flatMap((each) => sentencesOf(each, comparison, comparison.holders))
}

/** What policies read from other files. */
function fileDifferences(before: Policy, after: Policy): readonly Difference[] {
  return [
    ...packDifferences(before, after),
    ...exceptionDifferences(before, after),
    ...nameDifferences(before, after),
  ]
}

function packDifferences(before: Policy, after: Policy): Difference[] {
  const packsOf = ({ promptGuard, roles }: Policy) =>
    new Map([
      ['guards.prompt.packs', JSON.stringify(promptGuard.packSources)],
      ...[...roles].map(
        ([name, role]) =>
          [`roles.${name}.guards.prompt.packs`, JSON.stringify(role.promptGuard.packSources)] as const,
      ),
    ])
  const old = packsOf(before)
  return [...packsOf(after)].flatMap(([path, packs]) =>
    old.has(path) && old.get(path) !== packs
      ? [{ path, sentence: `\`${path}\`: the signatures in these files differ`, direction: 'other' as const }]
      : [],
  )
}

function exceptionDifferences(before: Policy, after: Policy): Difference[] {
  const tell = (
    { id, channel, tool, signature }: Exception,
    direction: 'widened' | 'narrowed',
  ): Difference => {
    const where = tool === undefined ? channel : `${channel} of tool \`${tool}\``
    const what = signature === undefined ? 'a passage' : `signature \`${signature}\``
    const verb = direction === 'widened' ? 'is now accepted by' : 'is no longer accepted by'
    return {
      path: `exceptions.${id}`,
      sentence: `${what} in ${where} ${verb} exception \`${id}\``,
      direction,
    }
  }
  const idsOf = ({ exceptions }: Policy) => new Set(exceptions.entries.map(({ id }) => id))
  const [old, now] = [idsOf(before), idsOf(after)]
  return [
    ...after.exceptions.entries.filter(({ id }) => !old.has(id)).map((each) => tell(each, 'widened')),
    ...before.exceptions.entries.filter(({ id }) => !now.has(id)).map((each) => tell(each, 'narrowed')),
  ]
}

function nameDifferences({ personalData: old }: Policy, { personalData: now }: Policy): Difference[] {
  if (old.namesFile === undefined || now.namesFile === undefined || old.namesFile === now.namesFile) return []
  if (readFileSync(old.namesFile).equals(readFileSync(now.namesFile))) return []
  return [
    {
      path: 'guards.pii.namesFile',
      sentence: 'the names in `guards.pii.namesFile` differ',
      direction: 'other',
    },
  ]
}
