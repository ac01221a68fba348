/** Facts of a policy and a role that decide whether an attack is tried, or is one that the documentation admits. */
import type { Policy, Role } from '../policy/policy.ts'

interface Fact {
  holds(policy: Policy, role: Role): boolean
  /** Why an attack is not tried where it does not hold. */
  readonly otherwise: string
}

const unlimited = (
  name: 'probesPerMinute' | 'tokensPerMinute' | 'tokensPerDay' | 'concurrent' | 'actionsPerMinute',
) => ({
  holds: (_policy: Policy, { limits }: Role) => limits[name] === undefined,
  otherwise: `the role has the limit \`${name}\``,
})
const refused = (feature: 'webSearch' | 'raw' | 'template' | 'context' | 'mediaUrls') => ({
  holds: (_policy: Policy, { allow }: Role) => !allow.has(feature),
  otherwise: `the role allows \`${feature}\``,
})
const flagged = (kind: 'injection' | 'scripts' | 'theft') => ({
  holds: (_policy: Policy, { outputGuard }: Role) => outputGuard.actions[kind] === 'flag',
  otherwise: `the policy does not only flag \`${kind}\``,
})

const facts = {
  'tools-unrestricted': {
    holds: (_policy, { tools }) => tools === undefined,
    otherwise: 'the role restricts its `tools`',
  },
  'approval-enforced': {
    holds: (_policy, { observesTools }) => !observesTools,
    otherwise: 'the rules for tools only observe (`tools.mode`), so nobody is asked for approval',
  },
  'tool-arguments-flagged': {
    holds: (_policy, { outputGuard }) => outputGuard.toolArguments === 'flag',
    otherwise: 'the policy does not only flag secrets in arguments',
  },
  'system-scanned': {
    holds: (_policy, { trustSystem }) => !trustSystem,
    otherwise: 'the role trusts system messages (`trustSystem`)',
  },
  'images-allowed': {
    holds: (_policy, { caps }) => caps.images > 0,
    otherwise: 'the role may send no images',
  },
  'pii-off': {
    holds: (_policy, { outputGuard }) => outputGuard.actions.pii === 'off',
    otherwise: 'the policy looks for personal data in responses',
  },
  'canary-on': {
    holds: (_policy, { outputGuard }) => outputGuard.actions.canary !== 'off',
    otherwise: 'the policy has no `guards.output.canary`',
  },
  'injection-flagged': flagged('injection'),
  'scripts-flagged': flagged('scripts'),
  'theft-flagged': flagged('theft'),
  'lock-off': {
    holds: ({ modelTrust }) => !modelTrust.require.has('digest'),
    otherwise: 'the policy requires locked models',
  },
  'pins-off': { holds: ({ modelTrust }) => modelTrust.tools === 'off', otherwise: 'the policy pins tools' },
  'lists-allowed': {
    holds: (_policy, { routes }) => routes.has('models'),
    otherwise: 'the role may not ask for lists of models',
  },
  'tokens-on': { holds: ({ tokens }) => tokens.depth > 0, otherwise: 'the policy has no capability tokens' },
  'web-search-refused': refused('webSearch'),
  'raw-refused': refused('raw'),
  'template-refused': refused('template'),
  'context-refused': refused('context'),
  'media-urls-refused': refused('mediaUrls'),
  'admin-routes-refused': {
    holds: (_policy, { routes }) => !routes.has('admin'),
    otherwise: 'the role may change models (`routes: [admin]`)',
  },
  'realtime-refused': {
    holds: (_policy, { routes }) => !routes.has('realtime'),
    otherwise: 'the role may open realtime sessions',
  },
  'ollama-server': {
    holds: ({ upstreams }) => upstreams.some(({ kind }) => kind === 'ollama'),
    otherwise: 'the policy has no Ollama',
  },
  'approvers-named': {
    holds: ({ approval }) => approval.approvers.size > 0,
    otherwise: 'the policy names no approvers',
  },
  'probes-unlimited': unlimited('probesPerMinute'),
  'tokens-per-minute-unlimited': unlimited('tokensPerMinute'),
  'tokens-per-day-unlimited': unlimited('tokensPerDay'),
  'concurrency-unlimited': unlimited('concurrent'),
  'actions-unlimited': unlimited('actionsPerMinute'),
  'repetition-unlimited': {
    holds: (_policy, { limits }) => limits.repetition === undefined,
    otherwise: 'the role has the limit `repetition`',
  },
} as const satisfies Record<string, Fact>

/** The name of a fact. */
export type Condition = keyof typeof facts

/** All names of facts. */
export const conditionNames = Object.keys(facts) as readonly Condition[]

/** Returns why a fact does not hold for a role; undefined if it does. */
export function failure(condition: Condition, policy: Policy, role: Role): string | undefined {
  const { holds, otherwise } = facts[condition]
  return holds(policy, role) ? undefined : otherwise
}
