/** Each control has a policy that meets it as far as settings can, and falls with each measure that it names. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { commands } from '../../src/cli/commands.ts'
import { type Control, frameworkIds, readFramework } from '../../src/coverage/framework.ts'
import { judgeControl } from '../../src/coverage/judge.ts'
import { extentOf, print } from '../../src/coverage/measure.ts'
import { isMeasureId, type MeasureId, measures } from '../../src/coverage/measures/measures.ts'
import { loadPolicy } from '../../src/policy/load.ts'
import { best, builtInMeasures, factsOf, factsWith, off, type Switchable } from './policies.ts'

const folder = mkdtempSync(join(tmpdir(), 'torwart-coverage-'))
afterAll(() => rmSync(folder, { recursive: true }))

const frameworks = frameworkIds.map((id) =>
  readFramework(new URL('../../config/frameworks/', import.meta.url), id),
)
const controls = frameworks.flatMap(({ id, controls: all }) =>
  all.map((control) => ({ framework: id, control })),
)
const namedIn = ({ needs = [], also = [] }: Control) => [...needs, ...also]
const full = factsOf(best(), folder)
const switchable = Object.keys(off) as Switchable[]
const rank = { met: 2, partly: 1, not: 0, yours: -1 } as const

describe('the data files', () => {
  it('name each control once, and each measure in some control', () => {
    for (const { controls: all } of frameworks) expect(new Set(all.map(({ id }) => id)).size).toBe(all.length)
    const named = new Set(controls.flatMap(({ control }) => namedIn(control)))
    expect(Object.keys(measures).filter((id) => isMeasureId(id) && !named.has(id))).toEqual([])
    for (const { control } of controls) expect(new Set(namedIn(control)).size).toBe(namedIn(control).length)
  })

  it('have a measure that can be switched off in the needs of each control, or leave it to the organisation', () => {
    const without = controls.filter(({ control: { needs = [], also = [], yours, limit } }) => {
      if (needs.length === 0) return also.length > 0 || yours === undefined || limit !== undefined
      return !needs.some((id) => switchable.some((each) => each === id && fallsWholly(each)))
    })
    expect(without.map(({ framework, control }) => `${framework} ${control.id}`)).toEqual([])
  })

  it('say why settings alone do not meet a control wholly, wherever they do not', () => {
    const capped = controls.filter(({ control }) => control.limit !== undefined)
    expect(capped.every(({ control }) => control.yours !== undefined)).toBe(true)
  })
})

/** Compiled once: a policy takes some hundredths of a second. */
const withoutIt = new Map(switchable.map((id) => [id, factsWith(off[id], folder)]))
const factsWithout = (id: Switchable) => withoutIt.get(id) ?? full

/** Whether switching it off leaves nothing of it. */
function fallsWholly(id: Switchable): boolean {
  return extentOf(measures[id].judge(factsWithout(id))) === 'not'
}

describe('a policy that takes every measure', () => {
  it('meets every control as far as settings can, and leaves nothing open', () => {
    for (const { framework, control } of controls) {
      const { state, gaps } = judgeControl(framework, control, full)
      const expected = namedIn(control).length === 0 ? 'yours' : control.limit ? 'partly' : 'met'
      expect([framework, control.id, state, gaps]).toEqual([framework, control.id, expected, []])
    }
  })
})

describe.each(switchable)('without %s', (id) => {
  const facts = factsWithout(id)
  const settings = measures[id].judge(facts)
  const extent = extentOf(settings)
  const those = controls.filter(({ control }) => namedIn(control).includes(id))

  it('that measure falls, and the settings that leave it open are named by their paths', () => {
    expect(extentOf(measures[id].judge(full))).toBe('met')
    expect(extent).not.toBe('met')
    for (const each of settings) expect(print(each)).toMatch(/^[\w.-]+: \S/)
  })

  it.each(those)('$framework $control.id falls', ({ framework, control }) => {
    const before = judgeControl(framework, control, full)
    const { state, gaps } = judgeControl(framework, control, facts)
    const isNeeded = control.needs?.includes(id) ?? false
    if (isNeeded && extent === 'not') expect(state).toBe('not')
    else expect(rank[state]).toBeLessThanOrEqual(rank.partly)
    expect(rank[state]).toBeLessThanOrEqual(rank[before.state])
    expect(gaps).toEqual(expect.arrayContaining(settings.filter((each) => each.extent !== 'met').map(print)))
  })
})

describe('what is built in', () => {
  it('is all that no policy switches off', () => {
    const all = Object.keys(measures) as MeasureId[]
    expect([...switchable, ...builtInMeasures].toSorted()).toEqual(all.toSorted())
    for (const id of builtInMeasures) expect(measures[id].judge(full)[0]?.path).toBe('built in')
  })

  it('has proofs that are commands of this program', () => {
    const names = new Set(commands.map(({ name }) => name))
    for (const { proof } of Object.values(measures)) {
      if (proof.startsWith('curl ')) continue
      for (const command of proof.split(' && ')) {
        const [program, first = '', second = ''] = command.split(' ')
        expect([program, names.has(first) || names.has(`${first} ${second}`), command]).toEqual([
          'torwart',
          true,
          command,
        ])
      }
    }
  })
})

describe('one role of several', () => {
  const lax = (more: object) => (draft: ReturnType<typeof best>) => {
    draft.policy.roles.lax = { ...structuredClone(draft.policy.roles.agent), ...more }
  }
  const judged = (id: MeasureId, more: object) => {
    const settings = measures[id].judge(factsWith(lax(more), folder))
    return { extent: extentOf(settings), open: settings.filter(({ extent }) => extent !== 'met').map(print) }
  }

  it('with a guard of its own that is off makes the measure partly met, and is named', () => {
    expect(judged('promptGuard', { guards: { prompt: { mode: 'off' } } })).toEqual({
      extent: 'partly',
      open: ['roles.lax.guards.prompt.mode: off'],
    })
    expect(judged('secretsCut', { guards: { output: { secrets: 'flag' } } })).toEqual({
      extent: 'partly',
      open: ['roles.lax.guards.output.secrets: flag'],
    })
  })

  it('that has no limits, tools or purpose does the same', () => {
    expect(judged('tokensBudgeted', { limits: { requestsPerMinute: 1 } }).open).toEqual([
      'roles.lax.limits.tokensPerDay: absent',
    ])
    expect(judged('toolsListed', { tools: { allow: ['*'] } }).open).toEqual(['roles.lax.tools.allow: [*]'])
    expect(judged('purposesStated', { purpose: undefined }).open).toEqual(['roles.lax.purpose: absent'])
  })

  it('that only lists models has nothing to guard', () => {
    expect(judged('promptGuard', { routes: ['models'], guards: { prompt: { mode: 'off' } } }).extent).toBe(
      'met',
    )
  })
})

describe('a guard that is on', () => {
  it.each([
    ['disables signatures', { disable: ['override.ignore-previous'] }, 'guards.prompt.disable: 1 ids'],
    ['only observes', { mode: 'observe' }, 'guards.prompt.mode: observe'],
  ])('and %s is not wholly met', (_, change, open) => {
    const facts = factsWith((draft) => Object.assign(draft.policy.guards.prompt, change), folder)
    const settings = measures.promptGuard.judge(facts)
    expect(extentOf(settings)).not.toBe('met')
    expect(settings.map(print)).toContain(open)
  })

  it('and trusts system prompts of a role is not wholly met', () => {
    const facts = factsWith(
      (draft) => Object.assign(draft.policy.roles.agent ?? {}, { trustSystem: true }),
      folder,
    )
    expect(measures.promptGuard.judge(facts).map(print)).toContain('roles.agent.trustSystem: true')
  })
})

const observing = {
  limits: ['requestsLimited', 'tokensBudgeted', 'loopsBroken'],
  tools: ['toolsListed', 'toolsApproved'],
  'guards.prompt': ['promptGuard', 'secondOpinion'],
  'guards.output': [
    ...([
      'secretsCut',
      'personalDataCut',
      'linksCut',
      'controlsCut',
      'scriptsBlocked',
      'formChecked',
    ] as const),
    ...(['injectionStopped', 'systemPromptKept'] as const),
  ],
} as const satisfies Record<string, readonly MeasureId[]>

describe.each(Object.entries(observing))('%s that only observe', (part, ids) => {
  const judged = (id: MeasureId, enforce: string | undefined) => {
    const facts = factsWith(({ policy }) => setObserving(policy.roles.agent ?? {}, part, enforce), folder)
    const settings = measures[id].judge(facts)
    return { extent: extentOf(settings), open: settings.filter(({ extent }) => extent !== 'met').map(print) }
  }

  it.each(ids)('do not meet %s, and their mode is named', (id) => {
    const mode = `roles.agent.${part}.mode: observe`
    const extent = part === 'guards.output' ? 'partly' : 'not'
    expect(judged(id, undefined)).toEqual({ extent, open: [mode] })
    expect(judged(id, '0%')).toEqual({ extent, open: [mode] })
  })

  it.each(ids)('meet %s in part where they are enforced for a share of the keys', (id) => {
    expect(judged(id, '10%')).toEqual({ extent: 'partly', open: ['roles.agent.enforce: 10%'] })
    expect(judged(id, '7%').open).toEqual(['roles.agent.enforce: 7%'])
    expect(judged(id, '100%')).toEqual({ extent: 'met', open: [] })
  })

  it('change nothing else', () => {
    const facts = factsWith(({ policy }) => setObserving(policy.roles.agent ?? {}, part, '10%'), folder)
    const fallen = switchable.filter((id) => extentOf(measures[id].judge(facts)) !== 'met')
    expect(fallen.toSorted()).toEqual(ids.toSorted())
  })
})

function setObserving(role: Record<string, unknown>, part: string, enforce: string | undefined): void {
  const [key = '', guard] = part.split('.')
  const mode = { mode: 'observe' }
  role[key] = guard === undefined ? { ...Object(role[key]), ...mode } : { [guard]: mode }
  if (enforce !== undefined) role.enforce = enforce
}

describe('what is missing', () => {
  it('is missing for the share of keys, too', () => {
    const facts = factsWith(({ policy }) => {
      const agent = policy.roles.agent ?? {}
      Object.assign(agent, { tools: { mode: 'observe', allow: ['*'], approve: ['pay'] }, enforce: '10%' })
      agent.limits = { mode: 'observe', requestsPerMinute: 1 }
    }, folder)
    const listed = (id: MeasureId) => measures[id].judge(facts).map((each) => `${print(each)} ${each.extent}`)
    expect(listed('toolsListed')).toEqual(['roles.agent.tools.allow: [*] not'])
    expect(listed('requestsLimited')).toEqual([
      'roles.agent.enforce: 10% partly',
      'roles.agent.limits.concurrent: absent not',
    ])
  })

  it('is no budget of a group, which is enforced whatever the role observes', () => {
    const facts = factsWith(({ policy }) => {
      Object.assign(policy, { groups: { sales: { tokensPerMonth: 1_000_000 } } })
      const agent = policy.roles.agent ?? {}
      Object.assign(agent, { group: 'sales', limits: { mode: 'observe', requestsPerMinute: 1 } })
    }, folder)
    expect(measures.tokensBudgeted.judge(facts).map(print)).toEqual(['roles.agent.group: sales'])
  })
})

describe('prefixes that are passed through unread', () => {
  const passing = (methods: string[]) => (draft: ReturnType<typeof best>) => {
    draft.policy.passthrough = [{ prefix: '/ui', upstream: 'one', roles: ['agent'], methods }]
  }
  const weakened = [
    ...(['promptGuard', 'secretsCut', 'toolsListed', 'modelsLocked', 'modelsUnchangeable'] as const),
    'tokensBudgeted',
  ] as const

  it.each(weakened)('make %s met in part only, if they take more than GET', (id) => {
    const settings = measures[id].judge(factsWith(passing(['GET', 'POST']), folder))
    expect(extentOf(settings)).toBe('partly')
    expect(settings.map(print)).toContain('passthrough: /ui (GET, POST)')
    expect(extentOf(measures[id].judge(factsWith(passing(['GET']), folder)))).toBe('met')
  })

  it('do not make a guard that is off one that is on in part', () => {
    const facts = factsWith((draft) => {
      passing(['POST'])(draft)
      draft.policy.guards.prompt.mode = 'off'
    }, folder)
    expect(extentOf(measures.promptGuard.judge(facts))).toBe('not')
  })
})

describe('connections', () => {
  it.each([
    [
      'a model server',
      (draft: ReturnType<typeof best>) =>
        (draft.policy.upstreams[0] = {
          name: 'one',
          url: 'http://10.0.0.9:1',
          kind: 'ollama',
          remote: false,
        }),
      'upstreams.one.url: not encrypted',
    ],
    [
      'Redis',
      (draft: ReturnType<typeof best>) => (draft.policy.store = { redis: 'redis://10.0.0.9' }),
      'store.redis: not encrypted',
    ],
    [
      'a receiver',
      (draft: ReturnType<typeof best>) =>
        (draft.policy.audit.forward = [{ name: 'siem', url: 'udp://10.0.0.9:514' }]),
      'audit.forward.siem.url: not encrypted',
    ],
  ])('to %s on another machine without TLS are named', (_, change, open) => {
    const settings = measures.transportEncrypted.judge(factsWith(change, folder))
    expect(extentOf(settings)).toBe('partly')
    expect(settings.map(print)).toContain(open)
  })
})

describe('the shipped policy', () => {
  it('is judged as reviewed', async () => {
    const { policy } = loadPolicy('config/torwart.yaml', {})
    const facts = { policy, keys: [], nowMs: Date.parse('2026-12-01T00:00:00Z') }
    const lines = controls.map(({ framework, control }) => {
      const { state, gaps } = judgeControl(framework, control, facts)
      return `${framework} ${control.id}: ${state}${gaps.length > 0 ? `\n  open: ${gaps.join('\n        ')}` : ''}`
    })
    await expect(`${lines.join('\n')}\n`).toMatchFileSnapshot('./shipped.txt')
  })
})
