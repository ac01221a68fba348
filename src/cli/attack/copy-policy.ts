/**
 * The policy of a private copy of a gateway: what it decides is the operator's, what it touches is the copy's own: its
 * listeners, files, model servers, and nothing that could reach another machine.
 */
import { resolve } from 'node:path'

type Mapping = Record<string, unknown>

/** What the copy has of its own. */
export interface CopyOptions {
  /** Folder of the operator's policy, which its relative paths start from. */
  readonly folder: string
  /** Of the scripted servers, one for each upstream. */
  readonly servers: readonly string[]
  readonly adminToken: string
  /** Whether limits of keys are in force. */
  readonly limits: boolean
}

/** What is different, for the report. */
export const changes: readonly string[] = [
  'Model servers are scripted, and limits are counted in memory.',
  'Plain HTTP on free ports of loopback: `listen.tls`, `listen.prefix`, `certificates` and `jwt` are left out.',
  'Limits that several callers share, groups and limits of models are left out; limits of keys are only in force where they are attacked.',
  'There is no canary (`enforce`): what is set to `observe` observes, unless it is enforced for all keys.',
  'Nothing leaves the machine: no webhooks, receivers of records, telemetry or anomalies.',
  'Approvals do not wait (`approval.wait: 0s`), and `models.require: [suite]` is left out.',
]

/** Makes the copy of a policy. @param value the operator's, valid and with its variables expanded */
export function copyPolicy(value: unknown, { folder, servers, adminToken, limits }: CopyOptions): Mapping {
  const policy = mapping(structuredClone(value))
  const { listen, guards, roles, models, approval } = policy
  for (const key of leftOut) delete policy[key]
  return {
    ...policy,
    listen: { address: '127.0.0.1:0', ...pick(listen, ['cors']) },
    admin: { address: '127.0.0.1:0', token: adminToken, console: false },
    upstreams: list(policy.upstreams).map((each, index) => ({
      ...without(each, ['key', 'remote']),
      url: servers[index],
    })),
    keys: { file: 'keys.yaml' },
    audit: { file: 'audit.jsonl' },
    approval: { ...without(approval, ['webhook']), wait: '0s' },
    models: copyModels(models),
    guards: copyGuards(guards, folder),
    roles: Object.fromEntries(
      Object.entries(mapping(roles)).map(([name, role]) => [name, copyRole(role, folder, limits)]),
    ),
    shutdown: { notice: '0s', grace: '1s' },
  }
}

const leftOut = [
  ...[
    'store',
    'limits',
    'groups',
    'jwt',
    'certificates',
    'anomalies',
    'telemetry',
    'workers',
    'reload',
    'log',
    'prices',
    'sandbox',
  ],
] as const

function copyModels(models: unknown): Mapping {
  const { require, lock: _lock, signing: _signing, suite: _suite, ...others } = mapping(models)
  const settings = Object.entries(others).map(([name, setting]) => [
    name,
    typeof setting === 'object' ? without(setting, ['limits']) : setting,
  ])
  return {
    ...Object.fromEntries(settings),
    ...(Array.isArray(require) ? { require: require.filter((each) => each === 'digest') } : {}),
  }
}

function copyRole(role: unknown, folder: string, limits: boolean): Mapping {
  const { shared: _shared, group: _group, enforce, ...own } = mapping(role)
  const { mode } = mapping(own.limits)
  return {
    ...own,
    ...(own.guards === undefined ? {} : { guards: copyGuards(own.guards, folder) }),
    ...(enforce === '100%' ? { enforce } : {}),
    ...(limits
      ? {}
      : { limits: { ...(mode === undefined ? {} : { mode }), requestsPerMinute: 'unlimited' } }),
  }
}

function copyGuards(guards: unknown, folder: string): Mapping {
  const copy = mapping(guards)
  const { prompt, pii } = copy
  const packs = mapping(prompt).packs
  const namesFile = mapping(pii).namesFile
  const absolute = (path: unknown) => resolve(folder, String(path))
  return {
    ...copy,
    ...(Array.isArray(packs) ? { prompt: { ...mapping(prompt), packs: packs.map(absolute) } } : {}),
    ...(namesFile === undefined ? {} : { pii: { ...mapping(pii), namesFile: absolute(namesFile) } }),
  }
}

function mapping(value: unknown): Mapping {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {}
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

function pick(value: unknown, keys: readonly string[]): Mapping {
  return Object.fromEntries(Object.entries(mapping(value)).filter(([key]) => keys.includes(key)))
}

function without(value: unknown, keys: readonly string[]): Mapping {
  return Object.fromEntries(Object.entries(mapping(value)).filter(([key]) => !keys.includes(key)))
}
