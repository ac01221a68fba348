/** Limits of keys, roles, models and of the whole gate, from what the policy file says. */
import { parseDuration } from '../core/units.ts'
import type { KeepAliveCap } from '../dialects/common/caps.ts'
import { modelMatcher } from '../models/match.ts'
import { parsePattern } from '../models/name.ts'
import { modelFault } from './model-fault.ts'
import type { Limits, ModelRule, SharedLimits } from './policy.ts'
import { modelSettings } from './schema/models.ts'
import type { Config, RoleConfig } from './schema/schema.ts'
import type { Report } from './source.ts'

/** Compiles the limits of a key. */
export function compileLimits(config: RoleConfig['limits']): Limits {
  const { requestsPerMinute, probesPerMinute, waiting, actionsPerMinute, repetition } = config
  return {
    ...compileShared({
      ...config,
      requestsPerMinute: requestsPerMinute === 'unlimited' ? undefined : requestsPerMinute,
    }),
    waiting,
    probesPerMinute,
    actionsPerMinute,
    repetition: repetition && { same: repetition.same, windowMs: parseDuration(repetition.window) ?? 0 },
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
