/** Roles that may do more than their keys need. */
import type { Role } from '../../policy/policy.ts'
import type { Check } from '../facts.ts'
import type { Outcome } from '../finding.ts'

const agent = /agent|bot/i

/** Judges the roles of the policy. */
export const roles: Check = ({ policy: { roles: all } }) =>
  [...all.values()].flatMap((role) => [
    ...mayEverything(role),
    ...isUnlimited(role),
    ...hasNoBreaker(role),
    ...trustsSystem(role),
  ])

function mayEverything({ name, routes, models }: Role): Outcome[] {
  if (!models.includes('*') || !routes.has('admin')) return []
  return [
    {
      id: 'role-everything',
      severity: 'high',
      what: `The role ${name} may use every model and change the model server.`,
      why: 'One leaked key of this role is enough to replace, delete or push out models.',
      fix: `Split it: a role with \`routes: [admin]\` for people who install models, and one that lists its models. \`torwart access\` shows who has it.`,
    },
  ]
}

function isUnlimited({ name, routes, models, limits, shared, group }: Role): Outcome[] {
  const hasTokens = [limits, shared].some(
    ({ tokensPerMinute, tokensPerDay }) => tokensPerMinute !== undefined || tokensPerDay !== undefined,
  )
  if (hasTokens || group !== undefined || routes.size === 0 || models.length === 0) return []
  return [
    {
      id: 'role-no-token-limit',
      severity: models.includes('*') ? 'medium' : 'low',
      what: `Keys of the role ${name} may use any number of tokens.`,
      why: 'A loop or a leaked key takes the model server from everyone else.',
      fix: `Set \`roles.${name}.limits.tokensPerDay\` or \`tokensPerMinute\`, or give the role a \`group\` with a budget.`,
    },
  ]
}

function hasNoBreaker({ name, mayCall, limits }: Role): Outcome[] {
  if (mayCall === undefined && !agent.test(name)) return []
  if (limits.actionsPerMinute !== undefined || limits.repetition !== undefined) return []
  return [
    {
      id: 'agent-no-breaker',
      severity: 'medium',
      what: `The role ${name} is for agents, and no circuit breaker stops one that loops.`,
      why: 'An agent in a loop repeats its tool calls until its tokens are used up.',
      fix: `Set \`roles.${name}.limits.actionsPerMinute: 100\` and \`repetition: { same: 20, window: 10m }\`.`,
    },
  ]
}

function trustsSystem({ name, trustSystem }: Role): Outcome[] {
  if (!trustSystem) return []
  return [
    {
      id: 'role-trusts-system',
      severity: 'medium',
      what: `The role ${name} has \`trustSystem\`: the prompt guard trusts its system prompts.`,
      why: 'Whoever holds a key of it, or gets a text into its system prompt, goes past the prompt guard.',
      fix: `Remove \`roles.${name}.trustSystem\`, unless only programs of yours write its system prompts.`,
    },
  ]
}
