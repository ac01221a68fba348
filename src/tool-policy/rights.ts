/**
 * Which tools a role may call, with which arguments. Compiled once from the policy; asked for every offered tool and
 * every call. Of several patterns of `arguments` that match a tool, all must be satisfied: so their order means
 * nothing, and a wide rule cannot be undone by a narrow one.
 */
import Schema from 'typebox/schema'
import { foldKey } from '../core/fold.ts'
import { matchesGlob } from '../core/glob.ts'
import type { JsonObject } from '../core/json.ts'
import { asSeen } from '../core/strip-invisible.ts'
import { canonical, keysOf, maxApproved, readArguments } from './arguments.ts'
import { isJsonSchema, schemaOfRules } from './rules.ts'
import { isRecord, noteName, type Path, type SafeSchema, safeSchema, type Tell } from './schema.ts'

/** What the policy says of one call. */
export type CallJudgement =
  | { readonly kind: 'allowed' }
  /** A human must say yes, to exactly these arguments. */
  | { readonly kind: 'approve'; readonly arguments: JsonObject }
  | { readonly kind: 'outside'; readonly because: 'name' | 'arguments' }

/** Which tools a role may call, and with which arguments. */
export interface ToolRights {
  /** What happens to a call that is outside. */
  readonly otherwise: 'refuse' | 'strip'
  /** As the policy writes them. */
  readonly allow: readonly string[]
  readonly approve: readonly string[]
  /** Whether a tool of this name may be called at all, be it with a human's yes. */
  mayCall(name: string): boolean
  /** Whether a human must say yes, and whether there are rules for the arguments. */
  asks(name: string): { readonly approval: boolean; readonly rules: boolean }
  /** @param isFreeForm any text is given, of which rules for arguments can say nothing; a human can */
  judge(name: string, args: string, isFreeForm?: boolean): CallJudgement
}

/** A role's `tools` as the policy writes it. */
export interface ToolsConfig {
  readonly allow: readonly string[]
  readonly approve: readonly string[]
  readonly otherwise: 'refuse' | 'strip'
  readonly arguments: Readonly<Record<string, unknown>>
}

interface ArgumentRule {
  readonly pattern: string
  fits(args: JsonObject): boolean
}

const maxNameLength = 256
/** In no tool's name: a pattern's star stands for letters, not for lines that say something else. */
const unsound = /[\s\p{C}]/u

/** Compiles the `tools` of a role. @param tell what is wrong, by its path below `tools` */
export function compileTools(config: ToolsConfig, tell: Tell): ToolRights {
  const named = (patterns: readonly string[], name: string) =>
    patterns.some((pattern) => matchesGlob(pattern, name))
  for (const list of ['allow', 'approve'] as const)
    for (const [index, pattern] of config[list].entries())
      if (pattern.length > maxNameLength) tell([list, index], `is longer than ${maxNameLength} characters`)
  const rules = Object.entries(config.arguments).map(([pattern, given]) =>
    compileRule(pattern, given, (path, message) => tell(['arguments', pattern, ...path], message)),
  )
  /** Only where every call is allowed does it not matter what is called: see `tags.ts` and the answer readers. */
  const allowsAll = config.allow.includes('*') && config.approve.length === 0 && rules.length === 0
  const mayCall = (name: string) =>
    name === '' || unsound.test(name)
      ? allowsAll
      : name.length <= maxNameLength && (named(config.approve, name) || named(config.allow, name))
  return {
    otherwise: config.otherwise,
    allow: config.allow,
    approve: config.approve,
    mayCall,
    asks: (name) => ({
      approval: named(config.approve, name),
      rules: rules.some(({ pattern }) => matchesGlob(pattern, name)),
    }),
    judge(name, args, isFreeForm) {
      if (!mayCall(name)) return { kind: 'outside', because: 'name' }
      const toApprove = named(config.approve, name)
      const ruling = rules.filter(({ pattern }) => matchesGlob(pattern, name))
      if (!toApprove && ruling.length === 0) return { kind: 'allowed' }
      const read = isFreeForm ? (ruling.length > 0 ? undefined : { input: args }) : readArguments(args)
      if (!read || !ruling.every(({ fits }) => fits(read))) return { kind: 'outside', because: 'arguments' }
      if (!toApprove) return { kind: 'allowed' }
      if (canonical(read).length > maxApproved) return { kind: 'outside', because: 'arguments' }
      return { kind: 'approve', arguments: read }
    },
  }
}

function compileRule(
  pattern: string,
  given: unknown,
  tell: (path: Path, message: string) => void,
): ArgumentRule {
  if (!isRecord(given)) {
    tell([], 'must be a JSON Schema, or a mapping of arguments to rules')
    return { pattern, fits: () => false }
  }
  const { schema, names } = isJsonSchema(given) ? safeSchema(given, tell) : shortRules(given, tell)
  /** A reader that folds keys would take `Path` for the `path` that the rule is about. */
  const isDisguised = (key: string) => {
    // Programs that copy members one by one take what stands below for the object's own.
    if (key === '__proto__' && !names.has(key)) return true
    const exact = names.get(foldKey(asSeen(key).trim()))
    return exact !== undefined && !exact.has(key)
  }
  return {
    pattern,
    fits: (args) => ![...keysOf(args)].some(isDisguised) && Schema.Check(schema as object, args),
  }
}

function shortRules(rules: Record<string, unknown>, tell: Tell) {
  const schema: SafeSchema = schemaOfRules(rules, tell)
  const names = new Map<string, Set<string>>()
  for (const name of Object.keys(rules)) noteName(name, names)
  return { schema, names: names as ReadonlyMap<string, ReadonlySet<string>> }
}
