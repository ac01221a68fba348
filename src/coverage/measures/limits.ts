/** Measures about how much may be used, and what happens when parts fail. */
import type { Limits } from '../../policy/policy.ts'
import { judgeRules } from '../enforced.ts'
import {
  besidePassThrough,
  type Measure,
  ofRoles,
  type Setting,
  setting,
  usingRoles,
  whether,
  writingRoles,
} from '../measure.ts'

/** Requests are limited. */
export const requestsLimited: Measure = {
  what: {
    en: 'Each key has a limit of requests a minute and of concurrent requests',
    de: 'Jeder Schlüssel hat ein Limit für Anfragen pro Minute und für gleichzeitige Anfragen',
  },
  proof: 'torwart access',
  traces: ['limited'],
  judge: ({ policy }) =>
    ofRoles(usingRoles(policy), (role) =>
      judgeRules(role, 'limits', ({ name, limits }) => [
        limit(name, limits, 'requestsPerMinute'),
        limit(name, limits, 'concurrent'),
      ]),
    ),
}

function limit(
  role: string,
  limits: Limits,
  key: 'requestsPerMinute' | 'concurrent' | 'tokensPerDay' | 'actionsPerMinute',
): Setting {
  return setting(`roles.${role}.limits.${key}`, limits[key], whether(limits[key] !== undefined))
}

/** Tokens are budgeted. */
export const tokensBudgeted: Measure = {
  what: {
    en: 'Each key has a budget of tokens a day, or its group one a month',
    de: 'Jeder Schlüssel hat ein Token-Budget pro Tag oder seine Gruppe eines pro Monat',
  },
  proof: 'torwart usage --by key',
  traces: ['budgetUsedUp'],
  judge: ({ policy }) =>
    besidePassThrough(
      policy,
      ofRoles(usingRoles(policy), (role) =>
        // What a group shares is enforced whatever the mode of the role.
        role.group === undefined
          ? judgeRules(role, 'limits', ({ name, limits }) => [limit(name, limits, 'tokensPerDay')])
          : [setting(`roles.${role.name}.group`, role.group, 'met')],
      ),
    ),
}

/** Loops are broken. */
export const loopsBroken: Measure = {
  what: {
    en: 'A circuit breaker and a repetition limit stop programs that loop',
    de: 'Ein Schutzschalter und ein Wiederholungslimit stoppen Programme in Schleifen',
  },
  proof: 'torwart access',
  traces: ['loopBroken'],
  judge: ({ policy }) =>
    ofRoles(writingRoles(policy), (role) =>
      judgeRules(role, 'limits', ({ name, limits }) => [
        limit(name, limits, 'actionsPerMinute'),
        repetitionLimit(name, limits),
      ]),
    ),
}

function repetitionLimit(role: string, { repetition }: Limits): Setting {
  const value = repetition && `${repetition.same} in ${repetition.windowMs / 1000}s`
  return setting(`roles.${role}.limits.repetition`, value, whether(repetition !== undefined))
}

/** Limits hold while Redis is away. */
export const limitsHold: Measure = {
  what: {
    en: 'Shared limits hold while the store that counts them is unavailable',
    de: 'Gemeinsame Limits gelten auch, wenn der Zählspeicher nicht erreichbar ist',
  },
  proof: 'torwart check',
  traces: ['storeAway'],
  judge: ({ policy: { store } }) =>
    store.redis === undefined
      ? [setting('store.redis', 'absent', 'met')]
      : [setting('store.onFailure', store.onFailure, store.onFailure === 'refuse' ? 'met' : 'partly')],
}

/** There is more than one model server. */
export const serversRedundant: Measure = {
  what: {
    en: 'There are several model servers, and one that fails is left out',
    de: 'Es gibt mehrere Modellserver, und einer, der ausfällt, wird ausgelassen',
  },
  proof: 'torwart models list',
  traces: ['serverFailed'],
  judge: ({ policy: { upstreams, outlierDetection } }) => [
    setting('upstreams', upstreams.map(({ name }) => name).join(', '), whether(upstreams.length > 1)),
    ...(outlierDetection.maxEjectionPercent === 0
      ? [setting('outlierDetection.maxEjectionPercent', 0, 'not')]
      : []),
  ],
}
