/** Limits of keys, roles, models and of the whole gate, from what the policy file says. */
import { parseAmount, parseDuration } from '../core/units.ts'
import type { KeepAliveCap } from '../dialects/common/caps.ts'
import { modelMatcher } from '../models/match.ts'
import { parsePattern } from '../models/name.ts'
import { modelFault } from './model-fault.ts'
import type { GroupBudget, Limits, ModelRule, PersonRule, SharedLimits } from './policy.ts'
import { modelSettings } from './schema/models.ts'
import type { Config, RoleConfig } from './schema/schema.ts'
import type { Report } from './source.ts'

/** Compiles the limits of a key. */
export function compileLimits(config: RoleConfig['limits']): Limits {
  const { requestsPerMinute, probesPerMinute, waiting, actionsPerMinute, repetition, perPerson } = config
  return {
    ...compileShared({
      ...config,
      requestsPerMinute: requestsPerMinute === 'unlimited' ? undefined : requestsPerMinute,
    }),
    waiting,
    probesPerMinute,
    actionsPerMinute,
    repetition: repetition && { same: repetition.same, windowMs: parseDuration(repetition.window) ?? 0 },
    perPerson: perPerson && compileShared(perPerson),
  }
}

/** Compiles limits that several callers share. */
export function compileShared({
  requestsPerMinute,
  tokensPerMinute,
  tokensPerDay,
  concurrent,
}: Partial<SharedLimits>): SharedLimits {
  return { requestsPerMinute, tokensPerMinute, tokensPerDay, concurrent }
}

/** Compiles the settings in `models`. Reports names that no local model can have. */
export function compileModels(config: Config['models'], report: Report): ModelRule[] {
  return modelSettings(config).flatMap(([pattern, { weight, limits }]) => {
    if (parsePattern(pattern))
      return [{ pattern, matches: modelMatcher([pattern]), weight, limits: compileShared(limits) }]
    report(['models', pattern], modelFault(pattern))
    return []
  })
}

/** In the whole seconds that a model server reads; a floor that is not zero never becomes zero. */
export function compileKeepAlive(
  { min, max }: RoleConfig['caps']['keepAlive'],
  report: (message: string) => void,
): KeepAliveCap {
  const minSeconds = Math.ceil((parseDuration(min) ?? 0) / 1000)
  const maxSeconds = Math.ceil((parseDuration(max) ?? 0) / 1000)
  if (minSeconds > maxSeconds) report('has a `min` above its `max`')
  return { minSeconds, maxSeconds }
}

/** Headers that hold credentials, which must not go on record as somebody's name. */
const credentials = new Set(['authorization', 'proxy-authorization', 'x-api-key', 'cookie'])

/** Compiles where a role's requests name a person. Reports what cannot name one. */
export function compilePerson(
  config: RoleConfig['person'],
  report: (key: readonly string[], message: string) => void,
): PersonRule | undefined {
  if (!config) return undefined
  const { field, required } = config
  const header = config.header?.toLowerCase()
  if ((header === undefined) === (field === undefined)) report([], 'needs either `header` or `field`')
  if (header !== undefined && credentials.has(header)) report(['header'], 'holds credentials, not persons')
  return { header, required }
}

/** Compiles `groups`. */
export function compileGroups(config: Config['groups']): ReadonlyMap<string, GroupBudget> {
  return new Map(
    Object.entries(config).map(([name, { tokensPerMonth }]) => {
      const tokens = typeof tokensPerMonth === 'number' ? tokensPerMonth : parseAmount(tokensPerMonth)
      return [name, { tokensPerMonth: tokens ?? 0 }]
    }),
  )
}

/** Names a role's group. Reports one that does not exist. */
export function compileGroup(
  name: string | undefined,
  groups: Config['groups'],
  report: (message: string) => void,
): string | undefined {
  if (name !== undefined && !Object.hasOwn(groups, name)) report(`names no group of \`groups\`: ${name}`)
  return name
}
