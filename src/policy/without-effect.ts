/** Settings that other settings leave without effect. */
import { parseDuration } from '../core/units.ts'
import { modelMatcher } from '../models/match.ts'
import { canonicalFor, parsePattern } from '../models/name.ts'
import type { Config } from './schema/schema.ts'
import type { Path } from './source.ts'

interface Doubt {
  readonly path: Path
  readonly message: string
}

/** @param holds whether the file itself says something there: of what it leaves out nobody has to hear */
export function withoutEffect(config: Config, holds: (path: Path) => boolean): Doubt[] {
  return [
    ...unusedAliases(config),
    ...lateTimeouts(config),
    ...highFlag(config),
    ...nobodys(config),
    ...idleAnomalies(config),
  ].filter(({ path }) => holds(path))
}

function unusedAliases({ aliases, roles, upstreams }: Config): Doubt[] {
  const kinds = [...new Set(upstreams.map(({ kind }) => kind))]
  const matchers = Object.values(roles).map(({ models }) =>
    modelMatcher(models.filter((pattern) => parsePattern(pattern))),
  )
  return Object.entries(aliases).flatMap(([alias, target]) => {
    const isUsed = kinds.some((kind) => {
      const model = canonicalFor(kind, target)
      return model !== undefined && matchers.some((mayUse) => mayUse(model, kind))
    })
    const message = `no role may use ${target}, so this alias has no effect: add the model to \`models\` of a role`
    return isUsed ? [] : [{ path: ['aliases', alias], message }]
  })
}

function lateTimeouts({ timeouts, queue }: Config): Doubt[] {
  const ms = (text: string) => parseDuration(text) ?? 0
  const within = ['connect', 'firstByte', 'serverSilence', 'body', 'write'] as const
  const all: [Path, string][] = within.map((name) => [['timeouts', name], timeouts[name]])
  all.push([['queue', 'wait'], queue.wait])
  return all.flatMap(([path, text]) => {
    if (ms(text) <= ms(timeouts.total)) return []
    const message = `is longer than \`timeouts.total\` (${timeouts.total}), after which the request ends`
    return [{ path, message: `\`${path.join('.')}\` ${message}` }]
  })
}

function highFlag({ guards }: Config): Doubt[] {
  const { block, flag } = guards.prompt
  const weights = ['low', 'medium', 'high']
  if (weights.indexOf(flag) <= weights.indexOf(block)) return []
  const message = `\`flag: ${flag}\` is above \`block: ${block}\`, so everything that would be flagged is blocked`
  return [{ path: ['guards', 'prompt', 'flag'], message }]
}

/** Limits of persons that no request names, and groups without a role. */
function nobodys({ roles, groups }: Config): Doubt[] {
  const ofPersons = Object.entries(roles).flatMap(([name, { limits, person }]) => {
    if (!limits.perPerson || person) return []
    const message = `has no effect: set \`roles.${name}.person\`, which says where requests name their person`
    return [{ path: ['roles', name, 'limits', 'perPerson'], message }]
  })
  const used = new Set(Object.values(roles).map(({ group }) => group))
  const unused = Object.keys(groups).filter((name) => !used.has(name))
  return [
    ...ofPersons,
    ...unused.map((name) => ({ path: ['groups', name], message: `no role is in the group ${name}` })),
  ]
}

function idleAnomalies({ anomalies: { mode } }: Config): Doubt[] {
  const needs: [key: string, modes: readonly string[], remedy: string][] = [
    ['webhook', ['alert', 'freeze'], 'set `mode: alert` or `mode: freeze`'],
    ['freezeFor', ['freeze'], 'set `mode: freeze`'],
    ['perWeek', ['observe', 'alert', 'freeze'], 'choose another mode'],
  ]
  return needs.flatMap(([key, modes, remedy]) => {
    if (modes.includes(mode)) return []
    return [
      {
        path: ['anomalies', key],
        message: `\`anomalies.${key}\` has no effect with \`mode: ${mode}\`: ${remedy}`,
      },
    ]
  })
}
