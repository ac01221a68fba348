/**
 * From a valid config to a `Policy`: units, sets, patterns, absolute paths, and the checks that no schema can
 * make because they look at two keys at once.
 */

import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { resolve } from 'node:path'
import { createSecureContext } from 'node:tls'
import { parseDuration, parseSize } from '../core/units.ts'
import { modelMatcher } from '../models/match.ts'
import { canonicalFor, parsePattern } from '../models/name.ts'
import { isLoopback, isNear, parseAddress } from './address.ts'
import { compileLimits, compileModels, compileShared } from './compile-limits.ts'
import { compilePromptGuard } from './compile-prompt-guard.ts'
import { compileRedis } from './compile-redis.ts'
import { doubtful } from './doubtful.ts'
import type { Address, Policy, Role, Upstream } from './policy.ts'
import type { Problem } from './problem.ts'
import { isReadable } from './readable.ts'
import type { Config, RoleConfig } from './schema/schema.ts'
import type { Path, Report, Source } from './source.ts'
import { asksInVain } from './unbuilt.ts'

/**
 * @param folder where relative paths start: the config file's
 * @returns the policy with its warnings as problems, or the errors
 */
export function compile(
  config: Config,
  source: Source,
  folder: string,
  version: string,
): { policy: Policy; problems: Problem[] } | { problems: Problem[] } {
  const problems: Problem[] = []
  const report: Report = (path, message) =>
    problems.push(source.problem(path, `\`${path.join('.')}\` ${message}`))
  const listen = addressAt(config.listen.address, ['listen', 'address'], report)
  const admin = addressAt(config.admin.address, ['admin', 'address'], report)
  if (!admin.loopback && config.admin.token === undefined && !source.holds(['admin', 'token']))
    report(['admin', 'address'], 'is not loopback, so `admin.token` is required')
  if (admin.port !== 0 && admin.port === listen.port && admin.host === listen.host)
    report(['admin', 'address'], 'is the address of the data listener too')
  checkTls(config.listen.tls, folder, report)
  const upstreams = compileUpstreams(config.upstreams, report)
  const roles = new Map(
    Object.entries(config.roles).map(([name, role]) => [name, compileRole(name, role, report)]),
  )
  const prompt = compilePromptGuard(config.guards.prompt, folder, report)
  problems.push(...prompt.problems)
  const redis = compileRedis(config.store, folder, report)
  const models = compileModels(config.models, report)
  const aliases = compileAliases(config.aliases, upstreams, report)
  checkIssuers(config, report)
  const [first, ...others] = upstreams
  if (problems.length > 0 || first === undefined) return { problems }

  const warnings = [...asksInVain(config, source), ...doubtful(config)].map(({ path, message }) =>
    source.problem(path, message, 'key', 'warning'),
  )
  const { tls } = config.listen
  const ms = (text: string) => parseDuration(text) ?? 0
  const path = (text: string) => resolve(folder, text)
  const policy: Policy = {
    version: prompt.texts.length === 0 ? version : versionOf([version, ...prompt.texts]),
    listen: {
      ...listen,
      tls: tls && {
        cert: path(tls.cert),
        key: path(tls.key),
        clientCa: tls.clientCa && path(tls.clientCa),
        clientCert: tls.clientCert,
      },
    },
    admin: { ...admin, token: config.admin.token, hosts: config.admin.hosts },
    store: {
      redis,
      onFailure: config.store.onFailure,
      timeoutMs: ms(config.store.timeout),
    },
    limits: compileShared(config.limits),
    models,
    upstreams: [first, ...others],
    keysFile: path(config.keys.file),
    roles,
    promptGuard: prompt.guard,
    aliases,
    door: config.door,
    timeouts: {
      connectMs: ms(config.timeouts.connect),
      firstByteMs: ms(config.timeouts.firstByte),
      idleMs: ms(config.timeouts.idle),
      totalMs: ms(config.timeouts.total),
      bodyMs: ms(config.timeouts.body),
      writeMs: ms(config.timeouts.write),
    },
    queue: { size: config.queue.size, waitMs: ms(config.queue.wait) },
    audit: {
      file: path(config.audit.file),
      content: config.audit.content,
      maxTextBytes: parseSize(config.audit.maxText) ?? 0,
      sync: config.audit.sync,
    },
    logLevel: config.log.level,
    shutdownGraceMs: ms(config.shutdown.grace),
    warnings: warnings.map(({ message }) => message),
  }
  return { policy: deepFreeze(policy), problems: warnings }
}

/** Twelve hex digits of a SHA-256. */
export function versionOf(texts: readonly string[]): string {
  return createHash('sha256').update(texts.join('\0')).digest('hex').slice(0, 12)
}

function addressAt(text: string, path: Path, report: Report): Address {
  const address = parseAddress(text)
  if (address) return address
  report(path, 'has a port above 65535')
  return { host: '127.0.0.1', port: 0, loopback: true }
}

function compileUpstreams(configs: Config['upstreams'], report: Report): Upstream[] {
  const names = new Set<string>()
  const places = new Set<string>()
  return configs.map(({ name, url, kind, remote, concurrent, key }, index) => {
    const path = ['upstreams', index]
    if (names.has(name)) report([...path, 'name'], `is the name of another upstream too: ${name}`)
    names.add(name)
    const origin = originOf(url, remote, [...path, 'url'], report)
    if (origin !== '' && places.has(origin))
      report([...path, 'url'], `is the address of another upstream too: ${origin}`)
    places.add(origin)
    return { name, origin, kind, remote, concurrent, key }
  })
}

function originOf(text: string, remote: boolean, path: Path, report: Report): string {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (!url || !/^https?:$/.test(url.protocol)) {
    report(path, 'must be an http:// or https:// URL')
    return ''
  }
  if (url.pathname !== '/' || url.search || url.hash || url.username || url.password)
    report(path, 'must be scheme, host and port only')
  const host = url.hostname.replace(/^\[|\]$/g, '')
  // A host name is judged by the address it has when connecting (http/courier.ts).
  if (isIP(host) && !isNear(host) && !remote)
    report(path, 'is a public address: prompts would leave your network; add `remote: true` if you mean it')
  return url.origin
}

function compileRole(name: string, config: RoleConfig, report: Report): Role {
  const path = ['roles', name]
  const models = config.models.filter((pattern, index) => {
    if (parsePattern(pattern)) return true
    report([...path, 'models', index], `is no name of a local model: ${pattern}`)
    return false
  })
  return {
    name,
    routes: new Set(config.routes),
    mayUse: modelMatcher(models),
    limits: compileLimits(config.limits),
    shared: compileShared(config.shared),
    caps: {
      bodyBytes: parseSize(config.caps.body) ?? 0,
      outputTokens: config.caps.outputTokens,
      contextTokens: config.caps.contextTokens,
      images: config.caps.images,
      imageBytes: parseSize(config.caps.imageBytes) ?? 0,
      choices: config.caps.choices,
      stops: config.caps.stops,
      tools: config.caps.tools,
      schema: parseSize(config.caps.schema) ?? 0,
    },
    trustSystem: config.trustSystem,
    allow: new Set(config.allow),
    admin: {
      registries: new Set(config.admin.registries.map((registry) => registry.toLowerCase())),
      blobBytes: parseSize(config.admin.blob) ?? 0,
    },
  }
}

function checkTls(tls: Config['listen']['tls'], folder: string, report: Report): void {
  if (!tls) return
  for (const key of ['cert', 'key', 'clientCa'] as const) {
    const path = tls[key]
    if (path !== undefined && !isReadable(resolve(folder, path)))
      report(['listen', 'tls', key], `cannot be read: ${path}`)
  }
  const pair = [tls.cert, tls.key].map((path) => resolve(folder, path))
  if (pair.every(isReadable) && !isPair(pair[0] ?? '', pair[1] ?? ''))
    report(['listen', 'tls', 'cert'], 'and `key` are no certificate and its key, both PEM')
  if (tls.clientCert === 'required' && tls.clientCa === undefined)
    report(['listen', 'tls', 'clientCert'], 'is `required`, which needs `clientCa`')
}

function isPair(cert: string, key: string): boolean {
  try {
    createSecureContext({ cert: readFileSync(cert), key: readFileSync(key) })
    return true
  } catch {
    return false
  }
}

/** @returns targets as written: what is canonical depends on the server that has the model */
function compileAliases(
  config: Config['aliases'],
  upstreams: readonly Upstream[],
  report: Report,
): ReadonlyMap<string, string> {
  const aliases = new Map<string, string>()
  for (const [alias, target] of Object.entries(config)) {
    if (upstreams.every(({ kind }) => canonicalFor(kind, target) === undefined))
      report(['aliases', alias], `is no name of a local model: ${target}`)
    else if (target !== alias && Object.hasOwn(config, target))
      report(['aliases', alias], `names another alias, and aliases are not followed: ${target}`)
    else aliases.set(alias, target)
  }
  return aliases
}

function checkIssuers(config: Config, report: Report): void {
  for (const [index, issuer] of config.jwt.entries()) {
    const path = ['jwt', index]
    if ((issuer.jwksUrl === undefined) === (issuer.publicKey === undefined))
      report(path, 'needs either `jwksUrl` or `publicKey`')
    if ((issuer.role === undefined) === (issuer.roleClaim === undefined))
      report(path, 'needs either `role` or `roleClaim`')
    const url = issuer.jwksUrl
    if (
      url !== undefined &&
      !/^https:\/\//.test(url) &&
      !(URL.canParse(url) && isLoopback(new URL(url).hostname))
    )
      report([...path, 'jwksUrl'], 'must be https, or http on loopback')
    if (issuer.role !== undefined && !Object.hasOwn(config.roles, issuer.role))
      report([...path, 'role'], `names a role that does not exist: ${issuer.role}`)
  }
  for (const [index, { match, role }] of config.certificates.entries()) {
    if (Object.keys(match).length !== 1)
      report(['certificates', index, 'match'], 'needs exactly one of cn, dns, uri, fingerprint')
    if (!Object.hasOwn(config.roles, role))
      report(['certificates', index, 'role'], `names a role that does not exist: ${role}`)
  }
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value)
    for (const member of Object.values(value)) deepFreeze(member)
  }
  return value
}
