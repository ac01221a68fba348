/** A policy that takes every measure, and for each measure what switches it off. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { stringify } from 'yaml'
import type { KeyEntry } from '../../src/auth/api-keys/key-file.ts'
import type { Facts } from '../../src/coverage/measure.ts'
import type { MeasureId } from '../../src/coverage/measures/measures.ts'
import { loadPolicy } from '../../src/policy/load.ts'

/** What no setting switches off. */
export const builtInMeasures = [
  'callersKnown',
  'killSwitch',
  'recordsChained',
  'changesRecorded',
  'deploymentDocumented',
  'answersNamed',
  'incidentsTracked',
  'backupsPossible',
] as const satisfies readonly MeasureId[]

/** A measure that a policy can leave out. */
export type Switchable = Exclude<MeasureId, (typeof builtInMeasures)[number]>

const key: KeyEntry = {
  id: 'abcd1234',
  name: 'one',
  role: 'agent',
  sha256: '0'.repeat(64),
  created: '2026-01-01T00:00:00Z',
  expires: '2100-01-01T00:00:00Z',
}

/** Takes every measure. */
export const best = () => ({
  policy: {
    version: 1,
    listen: { address: '127.0.0.1:8080' } as Record<string, unknown>,
    admin: { token: `\${TOKEN}` as string | undefined },
    store: {} as Record<string, unknown>,
    upstreams: [
      { name: 'one', url: 'http://127.0.0.1:11434', kind: 'ollama', remote: false },
      { name: 'two', url: 'http://127.0.0.1:11435', kind: 'ollama', remote: false },
    ],
    models: { require: ['digest', 'suite'], onDrift: 'refuse', suite: { name: 'basic' }, tools: 'pin' },
    roles: {
      agent: {
        routes: ['chat', 'models'],
        models: ['qwen3:8b'],
        purpose: 'answering customers' as string | undefined,
        marking: 'ai-generated',
        trustSystem: false,
        limits: {
          requestsPerMinute: 10 as number | 'unlimited',
          concurrent: 2 as number | undefined,
          tokensPerDay: 1_000_000 as number | undefined,
          actionsPerMinute: 100 as number | undefined,
          repetition: { same: 20, window: '10m' } as object | undefined,
        },
        caps: { images: 0 },
        tools: { allow: ['search'], approve: ['pay'] } as { allow: string[]; approve: string[] } | undefined,
      },
    } as Record<string, Record<string, unknown>>,
    guards: {
      prompt: {
        mode: 'enforce',
        separate: true,
        model: { upstream: 'one', name: 'llama-guard3' } as object | undefined,
      },
      output: {
        mode: 'enforce',
        secrets: 'redact',
        pii: 'redact',
        injection: 'block',
        links: { otherwise: 'redact' },
        controls: 'redact',
        scripts: 'block',
        schema: 'block',
        theft: 'block',
        canary: true,
      },
      pii: { names: 'labelled' },
    },
    approval: { approvers: ['boss'] },
    anomalies: {
      mode: 'alert',
      webhook: { url: 'https://pager.example.org/', secret: `\${SECRET}` } as object | undefined,
    },
    audit: {
      content: 'none',
      sync: 'group',
      retention: '365d',
      forward: [{ name: 'siem', url: 'https://siem.example.org/' }],
    },
    log: { addresses: 'masked' },
    reload: { tests: 'require' },
    passthrough: [] as object[],
  },
  keys: [key],
})

type Draft = ReturnType<typeof best>
const agent = ({ policy }: Draft) => policy.roles.agent ?? {}
const limitsOf = (draft: Draft) => agent(draft).limits as Record<string, unknown>
const prompt = ({ policy }: Draft) => policy.guards.prompt
const output = ({ policy }: Draft) => policy.guards.output

/** Switches one measure off; what it cannot leave undone wholly, it leaves in part. */
export const off: Readonly<Record<Switchable, (draft: Draft) => unknown>> = {
  promptGuard: (draft) => (prompt(draft).mode = 'off'),
  untrustedMarked: (draft) => (prompt(draft).separate = false),
  secondOpinion: (draft) => (prompt(draft).model = undefined),
  unreadRefused: (draft) => (agent(draft).caps = { images: 4 }),
  secretsCut: (draft) => (output(draft).secrets = 'off'),
  personalDataCut: (draft) => (output(draft).pii = 'off'),
  linksCut: (draft) => (output(draft).links.otherwise = 'off'),
  controlsCut: (draft) => (output(draft).controls = 'off'),
  scriptsBlocked: (draft) => (output(draft).scripts = 'off'),
  formChecked: (draft) => (output(draft).schema = 'off'),
  injectionStopped: (draft) => (output(draft).injection = 'off'),
  systemPromptKept: (draft) => Object.assign(output(draft), { theft: 'off', canary: false }),
  answersMarked: (draft) => (agent(draft).marking = 'off'),
  toolsListed: (draft) => (agent(draft).tools = undefined),
  toolsApproved: (draft) => (agent(draft).tools = { allow: ['search'], approve: [] }),
  approversNamed: ({ policy }) => (policy.approval.approvers = []),
  toolsPinned: ({ policy }) => (policy.models.tools = 'off'),
  modelsNamed: (draft) => (agent(draft).models = ['*', '*:*']),
  modelsLocked: ({ policy }) => (policy.models.require = ['suite']),
  modelsTested: ({ policy }) => (policy.models.require = ['digest']),
  modelsUnchangeable: (draft) => (agent(draft).routes = ['chat', 'admin']),
  promptsStayInside: ({ policy }) => {
    for (const each of policy.upstreams) each.remote = true
  },
  requestsLimited: (draft) =>
    Object.assign(limitsOf(draft), { requestsPerMinute: 'unlimited', concurrent: undefined }),
  tokensBudgeted: (draft) => (limitsOf(draft).tokensPerDay = undefined),
  loopsBroken: (draft) =>
    Object.assign(limitsOf(draft), { actionsPerMinute: undefined, repetition: undefined }),
  limitsHold: ({ policy }) => (policy.store = { redis: 'redis://127.0.0.1:6379', onFailure: 'local' }),
  serversRedundant: ({ policy }) => policy.upstreams.pop(),
  keysExpire: (draft) => {
    const { expires: _, ...rest } = key
    draft.keys = [rest as KeyEntry & { expires: string }]
  },
  transportEncrypted: ({ policy }) => (policy.listen = { address: '0.0.0.0:8080' }),
  adminGuarded: ({ policy }) => (policy.admin.token = undefined),
  purposesStated: (draft) => (agent(draft).purpose = undefined),
  recordsDurable: ({ policy }) => (policy.audit.sync = 'none'),
  recordsKept: ({ policy }) => (policy.audit.retention = '182d'),
  recordsEnd: ({ policy }) => (policy.audit.retention = '3654d'),
  recordsForwarded: ({ policy }) => (policy.audit.forward = []),
  personalDataMasked: ({ policy }) => {
    policy.audit.content = 'masked'
    policy.guards.pii.names = 'off'
  },
  textsLeftOut: ({ policy }) => (policy.audit.content = 'masked'),
  addressesMasked: ({ policy }) => (policy.log.addresses = 'plain'),
  recordsErasable: ({ policy }) => (policy.admin.token = undefined),
  anomaliesWatched: ({ policy }) => (policy.anomalies.mode = 'off'),
  policyTested: ({ policy }) => (policy.reload.tests = 'off'),
  alarmsSent: ({ policy }) => (policy.anomalies.webhook = undefined),
}

/** Compiles a draft. @param folder where its file is written */
export function factsOf({ policy, keys }: Draft, folder: string): Facts {
  const file = join(folder, 'torwart.yaml')
  writeFileSync(file, stringify(policy))
  const loaded = loadPolicy(file, { TOKEN: 't'.repeat(32), SECRET: 's'.repeat(32) })
  return { policy: loaded.policy, keys, nowMs: Date.parse('2026-12-01T00:00:00Z') }
}

/** The policy that takes every measure, changed. */
export function factsWith(change: (draft: Draft) => unknown, folder: string): Facts {
  const draft = best()
  change(draft)
  return factsOf(draft, folder)
}
