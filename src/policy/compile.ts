/**
 * Compiles a valid config into a `Policy`: converts units, sets, patterns and paths, and makes the checks that a schema
 * cannot make because they concern several keys.
 */

import { createHash } from 'node:crypto'
import { isIP } from 'node:net'
import { resolve } from 'node:path'
import { parseDuration, parseSize } from '../core/units.ts'
import { modelMatcher } from '../models/match.ts'
import { canonicalFor, parsePattern } from '../models/name.ts'
import { compileTools } from '../tool-policy/rights.ts'
import { isNear, leadsTo, socketPathFault, unixScheme } from './address.ts'
import { withCanary } from './canary.ts'
import { compileAnomalies } from './compile-anomalies.ts'
import { compileApproval } from './compile-approval.ts'
import { compileAudit } from './compile-audit.ts'
import { compileCertificates, compileIssuers } from './compile-callers.ts'
import { compileGuards, type Guards } from './compile-guards.ts'
import {
  compileGroup,
  compileGroups,
  compileKeepAlive,
  compileLimits,
  compileModels,
  compilePerson,
  compileShared,
} from './compile-limits.ts'
import { compileDoor, compileListeners } from './compile-listeners.ts'
import { compileModelTrust } from './compile-model-trust.ts'
import { compilePassThrough } from './compile-passthrough.ts'
import { compileRedis } from './compile-redis.ts'
import { compileSandbox } from './compile-sandbox.ts'
import { compileTelemetry } from './compile-telemetry.ts'
import type { Exceptions } from './exceptions.ts'
import { lint } from './lint.ts'
import { modelFault } from './model-fault.ts'
import type { Caps, OutlierDetection, Policy, Role, Timeouts, TokenRules, Upstream } from './policy.ts'
import { compilePrices } from './prices.ts'
import type { Problem } from './problem.ts'
import type { Config, RoleConfig } from './schema/schema.ts'
import type { Path, Report, Source } from './source.ts'
import { urlFault } from './url-fault.ts'

/** What a config was read from. */
export interface Origin {
  readonly source: Source
  /** Folder of the policy file, which relative paths start from. */
  readonly folder: string
  readonly version: string
  readonly secretFiles: readonly string[]
  readonly exceptions: Exceptions
  /** Whether an error was reported for this value already, so that nothing more is reported. */
  isWrong(path: Path): boolean
  /** Whether the file has errors, so that placeholders are in the config and it yields no policy. */
  readonly isFlawed: boolean
}

/** The result of compiling a config. */
export interface Compiled {
  /** Undefined if there are errors. */
  readonly policy: Policy | undefined
  readonly errors: readonly Problem[]
  readonly warnings: readonly Problem[]
}

/** Compiles a valid config. Collects errors and warnings instead of throwing them. */
export function compile(config: Config, origin: Origin): Compiled {
  const { source, isWrong, isFlawed } = origin
  const errors: Problem[] = []
  const report: Report = (path, message) => {
    if (!isWrong(path)) errors.push(source.problem(path, `\`${path.join('.')}\` ${message}`))
  }
  const { upstreams, packProblems, ...parts } = compileParts(config, origin, report)
  errors.push(...packProblems)
  const warnings = lint(config, source)
    .filter(({ path }) => !isWrong(path))
    .map(({ path, message }) => source.problem(path, message, 'key', 'warning'))
  const [first, ...others] = upstreams
  if (isFlawed || errors.length > 0 || first === undefined) return { policy: undefined, errors, warnings }
  const policy: Policy = {
    ...parts,
    upstreams: [first, ...others],
    warnings: warnings.map(({ message }) => message),
  }
  return { policy: deepFreeze(policy), errors, warnings }
}

/** The policy without what is only known at the end, and the errors in its packs. */
type Parts = Omit<Policy, 'upstreams' | 'warnings'> & {
  readonly upstreams: readonly Upstream[]
  readonly packProblems: readonly Problem[]
}

function compileParts(config: Config, origin: Origin, report: Report): Parts {
  const { folder, version, secretFiles, exceptions } = origin
  const { listen, admin } = compileListeners(config, origin, report)
  const upstreams = compileUpstreams(config.upstreams, report)
  for (const [index, { origin: at }] of upstreams.entries())
    if (at !== '' && [listen, admin].some((own) => leadsTo(at, own)))
      report(['upstreams', index, 'url'], 'is an address of this gateway itself: name the model server')
  const { byRole, problems, texts, ...guards } = compileGuards(config, folder, upstreams, report)
  const redis = compileRedis(config.store, folder, report)
  if (config.keys.redis && redis === undefined) report(['keys', 'redis'], 'needs `store.redis`')
  return {
    version: texts.length === 0 ? version : versionOf([version, ...texts]),
    listen,
    admin,
    store: { redis, onFailure: config.store.onFailure, timeoutMs: ms(config.store.timeout) },
    limits: compileShared(config.limits),
    models: compileModels(config.models, report),
    modelTrust: compileModelTrust(config.models, folder, report),
    prices: compilePrices(config.prices, report),
    groups: compileGroups(config.groups),
    upstreams,
    outlierDetection: compileOutliers(config.outlierDetection),
    passThrough: compilePassThrough(config, upstreams, report),
    keysFile: resolve(folder, config.keys.file),
    keysInRedis: config.keys.redis,
    tokens: compileTokens(config.tokens, report),
    jwt: compileIssuers(config, folder, report),
    certificates: compileCertificates(config, report),
    roles: new Map(
      Object.entries(config.roles).map(([name, role]) => [
        name,
        compileRole(name, role, config, byRole.get(name) ?? guards, report),
      ]),
    ),
    ...guards,
    packProblems: problems,
    exceptions,
    approval: compileApproval(config, report),
    anomalies: compileAnomalies(config, report),
    guardBudget: config.guards.budget,
    sandbox: compileSandbox(config, folder, report),
    aliases: compileAliases(config.aliases, upstreams, report),
    door: compileDoor(config.door, listen, report),
    memoryBudgetBytes: config.memory.budget === undefined ? undefined : parseSize(config.memory.budget),
    timeouts: compileTimeouts(config.timeouts),
    queue: { size: config.queue.size, waitMs: ms(config.queue.wait) },
    audit: compileAudit(config.audit, folder, report),
    secretFiles,
    logLevel: config.log.level,
    logAddresses: config.log.addresses,
    telemetry: compileTelemetry(config, report),
    workers: config.workers,
    mustPassTests: config.reload.tests === 'require',
    shutdown: { noticeMs: ms(config.shutdown.notice), graceMs: ms(config.shutdown.grace) },
  }
}

/** Milliseconds of a duration that the schema has accepted. */
function ms(text: string): number {
  return parseDuration(text) ?? 0
}

function compileTimeouts(config: Config['timeouts']): Timeouts {
  return {
    connectMs: ms(config.connect),
    firstByteMs: ms(config.firstByte),
    serverSilenceMs: ms(config.serverSilence),
    keepAliveMs: ms(config.keepAlive),
    idleMs: ms(config.idle),
    totalMs: ms(config.total),
    sessionMs: ms(config.session),
    sessionIdleMs: ms(config.sessionIdle),
    bodyMs: ms(config.body),
    writeMs: ms(config.write),
  }
}

/** Returns the version of a policy: twelve hex digits of the SHA-256 of its texts. */
export function versionOf(texts: readonly string[]): string {
  return createHash('sha256').update(texts.join('\0')).digest('hex').slice(0, 12)
}

function compileUpstreams(configs: Config['upstreams'], report: Report): Upstream[] {
  const names = new Set<string>()
  const places = new Set<string>()
  return configs.map(({ name, url, kind, remote, concurrent, key }, index) => {
    const path = ['upstreams', index]
    if (names.has(name)) report([...path, 'name'], `is also the name of another upstream: ${name}`)
    names.add(name)
    const origin = originOf(url, remote, [...path, 'url'], report)
    if (origin !== '' && places.has(origin))
      report([...path, 'url'], `is also the address of another upstream: ${origin}`)
    places.add(origin)
    const socketPath = origin.startsWith(unixScheme) ? origin.slice(unixScheme.length) : undefined
    return { name, origin, socketPath, kind, remote, concurrent, key }
  })
}

function compileOutliers(config: Config['outlierDetection']): OutlierDetection {
  const { consecutiveFailures, failurePercentage, requestVolume, maxEjectionPercent } = config
  return {
    consecutiveFailures,
    failurePercentage,
    requestVolume,
    intervalMs: Math.max(1, ms(config.interval)),
    baseMs: ms(config.baseEjection),
    maxMs: ms(config.maxEjection),
    maxEjectionPercent,
  }
}

function originOf(text: string, remote: boolean, path: Path, report: Report): string {
  if (text.startsWith(unixScheme)) {
    const fault = socketPathFault(text.slice(unixScheme.length))
    if (fault !== undefined) report(path, fault)
    return fault === undefined ? text : ''
  }
  const fault = urlFault(text, { schemes: ['http:', 'https:'], isShown: !text.includes('@') })
  if (fault !== undefined) {
    report(path, fault)
    return ''
  }
  const url = new URL(text)
  if (url.username || url.password)
    report(path, 'must be scheme, host and port only: put the API key of the server into `key`')
  else if (url.pathname !== '/' || url.search || url.hash)
    report(path, `must be scheme, host and port only: write ${url.origin}`)
  const host = url.hostname.replace(/^\[|\]$/g, '')
  // A host name is judged by the address it has when connecting (http/upstream-client.ts).
  if (isIP(host) && !isNear(host) && !remote)
    report(
      path,
      'is a public address, so prompts would leave your network: add `remote: true` if that is intended',
    )
  return url.origin
}

function compileRole(
  name: string,
  config: RoleConfig,
  { guards, audit, groups }: Config,
  own: Guards,
  report: Report,
): Role {
  const path = ['roles', name]
  const models = config.models.filter((pattern, index) => {
    if (parsePattern(pattern)) return true
    report([...path, 'models', index], modelFault(pattern))
    return false
  })
  const tools =
    config.tools &&
    compileTools(config.tools, (place, message) => report([...path, 'tools', ...place], message))
  const role: Role = {
    name,
    routes: new Set(config.routes),
    models,
    mayUse: modelMatcher(models),
    mayCall: tools?.mayCall,
    limits: compileLimits(config.limits),
    shared: compileShared(config.shared),
    person: compilePerson(config.person, (key, message) => report([...path, 'person', ...key], message)),
    purpose: config.purpose,
    marking: config.marking,
    group: compileGroup(config.group, groups, (message) => report([...path, 'group'], message)),
    caps: compileCaps(config.caps, (message) => report([...path, 'caps', 'keepAlive'], message)),
    trustSystem: config.trustSystem,
    trustIds: config.trustIds,
    content: config.audit.content ?? audit.content,
    allow: new Set(config.allow),
    strict: config.strict,
    admin: {
      registries: new Set(config.admin.registries.map((registry) => registry.toLowerCase())),
      blobBytes: parseSize(config.admin.blob) ?? 0,
    },
    tools,
    separate: config.separate ?? config.guards?.prompt?.separate ?? guards.prompt.separate,
    promptGuard: own.promptGuard,
    outputGuard: own.outputGuard,
    observesLimits: config.limits.mode === 'observe',
    observesTools: config.tools?.mode === 'observe',
    canary: undefined,
    budgets: [],
  }
  return withCanary(role, config.enforce, (message) => report([...path, 'enforce'], message))
}

function compileCaps(
  { body, imageBytes, sound, schema, keepAlive, ...counts }: RoleConfig['caps'],
  report: (message: string) => void,
): Caps {
  return {
    ...counts,
    bodyBytes: parseSize(body) ?? 0,
    imageBytes: parseSize(imageBytes) ?? 0,
    soundMs: ms(sound),
    schema: parseSize(schema) ?? 0,
    keepAlive: compileKeepAlive(keepAlive, report),
  }
}

function compileTokens({ ttl, maxTtl, depth, rotate }: Config['tokens'], report: Report): TokenRules {
  const rules = { lifeMs: ms(ttl), maxMs: ms(maxTtl), depth, rotateMs: ms(rotate) }
  if (rules.lifeMs > rules.maxMs) report(['tokens', 'ttl'], `is longer than \`tokens.maxTtl\`: ${maxTtl}`)
  return rules
}

/** Keeps targets as written, because the canonical form depends on the server that has the model. */
function compileAliases(
  config: Config['aliases'],
  upstreams: readonly Upstream[],
  report: Report,
): ReadonlyMap<string, string> {
  const aliases = new Map<string, string>()
  for (const [alias, target] of Object.entries(config)) {
    if (upstreams.every(({ kind }) => canonicalFor(kind, target) === undefined))
      report(['aliases', alias], modelFault(target))
    else if (target !== alias && Object.hasOwn(config, target))
      report(['aliases', alias], `names another alias, and aliases are not chained: ${target}`)
    else aliases.set(alias, target)
  }
  return aliases
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value)
    for (const member of Object.values(value)) deepFreeze(member)
  }
  return value
}
