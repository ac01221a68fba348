/** What a policy may say and its author has seldom meant; told as warnings. */
import { matchesGlob } from '../core/glob.ts'
import type { ServerKind } from '../core/servers.ts'
import { isServedBy, type RouteGroup } from '../dialects/dialect.ts'
import { dialects } from '../dialects/dialects.ts'
import { parseAddress } from './address.ts'
import type { Address } from './policy.ts'
import type { Config } from './schema/schema.ts'
import type { Path, Source } from './source.ts'

const shortestToken = 16

export function doubtful(
  config: Config,
  { isWrittenOut }: Pick<Source, 'isWrittenOut'>,
): { path: Path; message: string }[] {
  const found: { path: Path; message: string }[] = []
  for (const path of secrets(config))
    if (isWrittenOut(path))
      found.push({
        path,
        message: `a secret is written out in the policy: let it come from \${VARIABLE} or \${file:PATH} instead`,
      })
  if ((config.admin.token?.length ?? shortestToken) < shortestToken)
    found.push({
      path: ['admin', 'token'],
      message: `the admin token has fewer than ${shortestToken} characters: it can be guessed`,
    })
  if (config.certificates.length > 0 && config.listen.tls?.clientCa === undefined)
    found.push({
      path: ['certificates'],
      message: 'no client is asked for a certificate without `listen.tls.clientCa`',
    })
  const asks = Object.entries(config.roles).find(([, { tools }]) => (tools?.approve.length ?? 0) > 0)
  if (asks && config.admin.token === undefined && config.approval.approvers.length === 0)
    found.push({
      path: ['roles', asks[0], 'tools', 'approve'],
      message: 'nobody can say yes: that needs `admin.token` or `approval.approvers`',
    })
  found.push(...idleRules(config), ...opinionDoubts(config), ...keptQuestions(config))
  const kinds = config.upstreams.map(({ kind }) => kind)
  for (const [name, { routes, models, limits, caps }] of Object.entries(config.roles)) {
    if (routes.length > 0 && models.length === 0)
      found.push({
        path: ['roles', name, 'models'],
        message: 'the role names no model, so there is none it may use',
      })
    for (const [index, group] of routes.entries()) {
      if (isServed(group, kinds)) continue
      const message = `no upstream of these kinds has routes of the group \`${group}\``
      found.push({ path: ['roles', name, 'routes', index], message })
    }
    for (const limit of ['tokensPerMinute', 'tokensPerDay'] as const) {
      const most = limits[limit]
      if (most === undefined || most > caps.outputTokens) continue
      const message = `a request that does not ask for less may answer ${caps.outputTokens} tokens (\`caps.outputTokens\`), which never fits into \`${limit}\`: ${most}`
      found.push({ path: ['roles', name, 'limits', limit], message })
    }
  }
  found.push(...plainDoor(config))
  return found
}

/** Where the policy holds what nobody may read. */
function secrets({ admin, store, upstreams, audit, approval }: Config): Path[] {
  const found: Path[] = upstreams.map((_, index) => ['upstreams', index, 'key'])
  found.push(...audit.forward.map((_, index) => ['audit', 'forward', index, 'token']))
  if (approval.webhook) found.push(['approval', 'webhook', 'secret'])
  if (admin.token !== undefined) found.push(['admin', 'token'])
  if (store.sentinelPassword !== undefined) found.push(['store', 'sentinelPassword'])
  if (store.redis?.split(',').some((url) => URL.canParse(url.trim()) && new URL(url.trim()).password !== ''))
    found.push(['store', 'redis'])
  return found
}

export const plainHttp =
  'other machines send keys and prompts here over plain HTTP, for everybody on the way to read: give `listen.tls`, or listen on loopback'

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
  if (mode === 'off') messages.push('the guard is off: this model is never asked')
  if (mode === 'observe')
    messages.push('the guard only observes: this model is asked and waited for, and blocks nothing')
  const isFar = upstreams.some(({ name, remote }) => name === model.upstream && remote)
  if (isFar && mode !== 'off')
    messages.push('this model may be outside your network: what is flagged goes there, of every role')
  return messages.map((message) => ({ path, message }))
}

/** What a human decides about must be shown to them, and so be somewhere until then. */
function keptQuestions({ roles, audit }: Config): { path: Path; message: string }[] {
  return Object.entries(roles).flatMap(([name, role]) => {
    const isKept = (role.audit.content ?? audit.content) !== 'none'
    if (isKept || (role.tools?.approve.length ?? 0) === 0) return []
    const message =
      'nothing of this role is recorded, but the arguments of calls that wait for a human are kept, masked, until that ends'
    return [{ path: ['roles', name, 'tools', 'approve'], message }]
  })
}

/** A rule for tools that may not be called is most often one whose name was mistyped: those it was meant for have none. */
function idleRules({ roles }: Config): { path: Path; message: string }[] {
  return Object.entries(roles).flatMap(([name, { tools }]) =>
    Object.keys(tools?.arguments ?? {}).flatMap((pattern) => {
      const callable = [...(tools?.allow ?? []), ...(tools?.approve ?? [])]
      if (callable.some((each) => matchesGlob(each, pattern) || matchesGlob(pattern, each))) return []
      const message = `no tool that may be called is called \`${pattern}\`: its rules have no effect`
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
