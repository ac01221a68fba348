/** What a policy may say and its author has seldom meant; told as warnings. */
import { matchesGlob } from '../core/glob.ts'
import type { ServerKind } from '../core/servers.ts'
import { isServedBy, type RouteGroup } from '../dialects/dialect.ts'
import { dialects } from '../dialects/dialects.ts'
import { parseAddress } from './address.ts'
import { modelTrustDoubts } from './compile-model-trust.ts'
import { passThroughDoubts } from './compile-passthrough.ts'
import { telemetryDoubts } from './compile-telemetry.ts'
import type { Address } from './policy.ts'
import { modelSettings } from './schema/models.ts'
import type { SchemaNode } from './schema/node.ts'
import { type Config, policySchema } from './schema/schema.ts'
import type { Path, Source } from './source.ts'
import { tightInWords, tightLimits } from './token-room.ts'
import { withoutEffect } from './without-effect.ts'

/** Minimum length of an admin token, in characters. */
export const minTokenLength = 16

/** Whether an admin token can be guessed. */
export function isShort(token: string | undefined): boolean {
  return token !== undefined && token.length < minTokenLength
}

/** What of a text stands in the file itself. */
type Written = Pick<Source, 'isLiteral' | 'writtenAt' | 'holds'>

/** Finds valid settings that are usually a mistake. */
export function lint(config: Config, source: Written): { path: Path; message: string }[] {
  const found = writtenSecrets(config, source)
  if (isShort(config.admin.token))
    found.push({
      path: ['admin', 'token'],
      message: `the admin token has fewer than ${minTokenLength} characters and can be guessed`,
    })
  if (config.certificates.length > 0 && config.listen.tls?.clientCa === undefined)
    found.push({
      path: ['certificates'],
      message: 'has no effect: clients are not asked for certificates without `listen.tls.clientCa`',
    })
  const asks = Object.entries(config.roles).find(([, { tools }]) => (tools?.approve.length ?? 0) > 0)
  if (asks && config.admin.token === undefined && config.approval.approvers.length === 0)
    found.push({
      path: ['roles', asks[0], 'tools', 'approve'],
      message: 'no one can approve these calls: set `admin.token` or `approval.approvers`',
    })
  found.push(...idleRules(config), ...opinionDoubts(config), ...keptQuestions(config))
  found.push(...withoutEffect(config, source.holds), ...modelTrustDoubts(config), ...telemetryDoubts(config))
  const kinds = config.upstreams.map(({ kind }) => kind)
  for (const [name, { routes, models }] of Object.entries(config.roles)) {
    if (routes.length > 0 && models.length === 0)
      found.push({
        path: ['roles', name, 'models'],
        message: 'the role names no model, so it may use none',
      })
    for (const [index, group] of routes.entries()) {
      if (isServed(group, kinds)) continue
      const message = `no upstream is of a kind that has routes of the group \`${group}\``
      found.push({ path: ['roles', name, 'routes', index], message })
    }
  }
  found.push(...tightTokens(config))
  found.push(...plainDoor(config), ...passThroughDoubts(config))
  return found
}

function tightTokens({ roles, models, limits: ofAll }: Config): { path: Path; message: string }[] {
  const ofRoles = Object.entries(roles).flatMap(([name, { limits, shared, caps }]) => {
    const counted = [
      { path: ['roles', name, 'limits'], limits },
      { path: ['roles', name, 'shared'], limits: shared },
      { path: ['limits'], limits: ofAll },
      { path: ['roles', name, 'limits', 'perPerson'], limits: limits.perPerson ?? {} },
    ]
    return tightLimits(counted, caps.outputTokens, 1)
  })
  const shortest = Math.min(...Object.values(roles).map(({ caps }) => caps.outputTokens))
  const ofModels = modelSettings(models).flatMap(([pattern, { limits, weight }]) =>
    Number.isFinite(shortest)
      ? tightLimits([{ path: ['models', pattern, 'limits'], limits }], shortest, weight)
      : [],
  )
  return [...ofRoles, ...ofModels].map((tight) => ({ path: tight.path, message: tightInWords(tight) }))
}

/** Where a secret stands in the file itself, be it as the default of a variable. */
function writtenSecrets(
  config: Config,
  { isLiteral, writtenAt }: Written,
): { path: Path; message: string }[] {
  const found = secretsIn(policySchema, config, [])
    .filter((path) => writtenAt(path) && (isLiteral(path) || writtenAt(path)?.hasDefault))
    .map((path) => ({ path, message: isLiteral(path) ? writtenOut : writtenAsDefault }))
  const redis = ['store', 'redis']
  const urls = writtenAt(redis)?.text.split(',') ?? []
  if (urls.some((url) => URL.canParse(url.trim()) && new URL(url.trim()).password !== ''))
    found.push({ path: redis, message: isLiteral(redis) ? writtenOut : writtenAsDefault })
  return found
}

const writtenOut = `a secret is in the policy: use \${VARIABLE} or \${file:PATH} instead`
const writtenAsDefault =
  'a secret is in the policy as the default of a variable: remove `:-…`, so that an unset variable is an error'

function secretsIn(node: SchemaNode, value: unknown, path: Path): Path[] {
  if (node.form === 'secret') return [path]
  if (typeof value !== 'object' || value === null) return []
  const [any] = Object.values(node.patternProperties ?? {})
  return Object.entries(value).flatMap(([key, inner]) => {
    const member = node.items ?? node.properties?.[key] ?? any
    return member ? secretsIn(member, inner, [...path, node.items ? Number(key) : key]) : []
  })
}

/** The warning about a listener that other machines reach without TLS. */
export const plainHttp =
  'other machines send keys and prompts here over plain HTTP, which anyone on the way can read: set `listen.tls`, or listen on loopback'

/** Whether other machines may come to a listener without TLS. */
export function isPlain({ loopback }: Pick<Address, 'loopback'>, tls: object | undefined): boolean {
  return !loopback && tls === undefined
}

function plainDoor({ listen: { address, tls } }: Config): { path: Path; message: string }[] {
  const parsed = parseAddress(address)
  return parsed && isPlain(parsed, tls) ? [{ path: ['listen', 'address'], message: plainHttp }] : []
}

function opinionDoubts({ guards, upstreams }: Config): { path: Path; message: string }[] {
  const { mode, model } = guards.prompt
  if (!model) return []
  const path = ['guards', 'prompt', 'model']
  const messages: string[] = []
  if (mode === 'off') messages.push('has no effect, because the guard is off')
  if (mode === 'observe')
    messages.push('the guard only observes: requests wait for this model, and it blocks nothing')
  const isFar = upstreams.some(({ name, remote }) => name === model.upstream && remote)
  if (isFar && mode !== 'off')
    messages.push('this model may be outside your network, and flagged texts of every role are sent to it')
  return messages.map((message) => ({ path, message }))
}

/** What a human decides about must be shown to them, and so be somewhere until then. */
function keptQuestions({ roles, audit }: Config): { path: Path; message: string }[] {
  return Object.entries(roles).flatMap(([name, role]) => {
    const isKept = (role.audit.content ?? audit.content) !== 'none'
    if (isKept || (role.tools?.approve.length ?? 0) === 0) return []
    const message =
      'texts of this role are not recorded, but the arguments of calls that wait for approval are stored masked until they expire'
    return [{ path: ['roles', name, 'tools', 'approve'], message }]
  })
}

/** A rule for tools that may not be called is most often one whose name was mistyped: those it was meant for have none. */
function idleRules({ roles }: Config): { path: Path; message: string }[] {
  return Object.entries(roles).flatMap(([name, { tools }]) =>
    Object.keys(tools?.arguments ?? {}).flatMap((pattern) => {
      const callable = [...(tools?.allow ?? []), ...(tools?.approve ?? [])]
      if (callable.some((each) => matchesGlob(each, pattern) || matchesGlob(pattern, each))) return []
      const message = `\`allow\` and \`approve\` name no tool that matches \`${pattern}\`, so its rules have no effect`
      return [{ path: ['roles', name, 'tools', 'arguments', pattern], message }]
    }),
  )
}

function isServed(group: RouteGroup, kinds: readonly ServerKind[]): boolean {
  const endpoints = dialects.flatMap((dialect) => dialect.endpoints)
  return endpoints.some(
    (endpoint) => endpoint.group === group && kinds.some((kind) => isServedBy(endpoint, kind)),
  )
}
