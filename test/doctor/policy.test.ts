/** `doctor` judges what a valid policy allows. */
import { describe, expect, it } from 'vitest'
import { guardsOff } from '../../src/doctor/checks/guards-off.ts'
import { onlyObserves } from '../../src/doctor/checks/only-observes.ts'
import { policyWarnings } from '../../src/doctor/checks/policy-warnings.ts'
import { roles } from '../../src/doctor/checks/roles.ts'
import { factsOf, findings } from './deployment.ts'

const role = (rest: string) => ({ role: `some: { routes: [chat], models: ["llama3.2"], ${rest} }` })
const counted = 'limits: { tokensPerDay: 1000000 }'

describe('roles', () => {
  it.each([
    [
      'everything',
      'boss: { routes: [chat, admin], models: ["*"], limits: { tokensPerDay: 1000000 } }',
      'high role-everything',
    ],
    ['unlimited', 'some: { routes: [chat], models: ["*"] }', 'medium role-no-token-limit'],
    ['an agent', `agent: { routes: [chat], models: ["llama3.2"], ${counted} }`, 'medium agent-no-breaker'],
    [
      'tools',
      `some: { routes: [chat], models: ["llama3.2"], ${counted}, tools: { allow: ["x"] } }`,
      'medium agent-no-breaker',
    ],
    [
      'trust',
      `some: { routes: [chat], models: ["llama3.2"], ${counted}, trustSystem: true }`,
      'medium role-trusts-system',
    ],
  ])('finds a role with %s', async (_name, written, expected) => {
    expect(findings(roles, await factsOf({ role: written }))).toEqual([expected])
  })

  it('passes an agent with a breaker', async () => {
    const written =
      'agent: { routes: [chat], models: ["llama3.2"], limits: { tokensPerDay: 1000000, actionsPerMinute: 100 } }'
    expect(findings(roles, await factsOf({ role: written }))).toEqual([])
    expect(findings(roles, await factsOf(role(counted)))).toEqual([])
  })

  it('count the budget of a group as a limit on tokens', async () => {
    const facts = await factsOf({ more: 'groups: { lab: { tokensPerMonth: 50M } }', ...role('group: lab') })
    expect(findings(roles, facts)).toEqual([])
  })
})

describe('guards', () => {
  it('are found off or observing, for all or for a role', async () => {
    const off = await factsOf({ more: 'guards: { prompt: { mode: off }, output: { mode: observe } }' })
    expect(findings(guardsOff, off)).toEqual(['medium guard-off', 'low guard-off'])
    const on = 'guards: { prompt: { mode: enforce }, output: { mode: enforce } }'
    expect(findings(guardsOff, await factsOf({ more: on }))).toEqual([])
    const ofRole = await factsOf({ more: on, ...role(`${counted}, guards: { prompt: { mode: off } }`) })
    expect(findings(guardsOff, ofRole)).toEqual(['medium guard-off'])
  })
})

describe('limits and rules for tools', () => {
  it('are found where they only observe', async () => {
    const more = `${counted.replace('limits: {', 'limits: { mode: observe,')}, tools: { mode: observe, allow: [x] }`
    expect(findings(onlyObserves, await factsOf(role(more)))).toEqual([
      'low only-observes',
      'low only-observes',
    ])
    expect(findings(onlyObserves, await factsOf(role(`${more}, enforce: 99%`)))).toHaveLength(2)
    expect(findings(onlyObserves, await factsOf(role(`${more}, enforce: 100%`)))).toEqual([])
    expect(findings(onlyObserves, await factsOf(role(counted)))).toEqual([])
  })
})

describe('warnings of the policy', () => {
  it('become findings, such as approvals that nobody can give', async () => {
    expect(findings(policyWarnings, await factsOf())).toEqual([])
    const facts = await factsOf(role(`${counted}, tools: { approve: ["transfer"] }`))
    expect(findings(policyWarnings, facts)).toEqual(['high policy-warning'])
  })

  it('leave the listener without TLS to its own check', async () => {
    expect(findings(policyWarnings, await factsOf({ more: 'listen: { address: "0.0.0.0:8080" }' }))).toEqual(
      [],
    )
  })
})
