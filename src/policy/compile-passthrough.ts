/** Prefixes that are passed through to a model server unread: rules, their errors, and what an operator should know. */
import { dialects } from '../dialects/dialects.ts'
import { healthPaths, ownPrefix } from './own-paths.ts'
import type { PassThroughRule, Upstream } from './policy.ts'
import type { Config } from './schema/schema.ts'
import type { Path, Report } from './source.ts'

const declared: readonly string[] = [
  ...healthPaths,
  ownPrefix,
  ...dialects.flatMap(({ endpoints, absent = {} }) => [
    ...endpoints.map(({ path }) => path),
    ...Object.keys(absent),
  ]),
].filter((path) => path !== '/')

/** Compiles the rules. Reports a prefix that would shadow a route, and names that nothing has. */
export function compilePassThrough(
  { passthrough, roles }: Pick<Config, 'passthrough' | 'roles'>,
  upstreams: readonly Upstream[],
  report: Report,
): PassThroughRule[] {
  const prefixes: string[] = []
  return passthrough.flatMap((rule, index) => {
    const path = ['passthrough', index]
    const prefix = rule.prefix.replace(/\/$/, '')
    const fault = shadowed(prefix) ?? overlapping(prefix, prefixes)
    if (fault !== undefined) report([...path, 'prefix'], fault)
    prefixes.push(prefix)
    for (const [at, name] of rule.roles.entries())
      if (!Object.hasOwn(roles, name)) report([...path, 'roles', at], `names no role: ${name}`)
    if (rule.websocket)
      report(
        [...path, 'websocket'],
        'must be false: the frames of a WebSocket can be neither counted nor ended by a freeze here yet',
      )
    const upstream = upstreams.find(({ name }) => name === rule.upstream)
    if (upstream)
      return [
        {
          prefix,
          upstream,
          stripPrefix: rule.stripPrefix,
          roles: new Set(rule.roles),
          methods: new Set(rule.methods),
        },
      ]
    report([...path, 'upstream'], `names no upstream: ${rule.upstream}`)
    return []
  })
}

/** Says which declared route a prefix would answer in its place, now or with another method. */
function shadowed(prefix: string): string | undefined {
  const route = declared.find((each) => isWithin(each, prefix) || isWithin(prefix, fixedPart(each)))
  return route && `would shadow the route ${route}: choose a path that no route of the gateway is below`
}

function overlapping(prefix: string, others: readonly string[]): string | undefined {
  const other = others.find((each) => isWithin(each, prefix) || isWithin(prefix, each))
  return other && `overlaps with the prefix ${other}/ of another entry`
}

/** Tells whether a path is a prefix, or below it. */
function isWithin(path: string, prefix: string): boolean {
  return path === prefix || path.startsWith(`${prefix}/`)
}

/** The path of a route up to its parameter, which stands for anything. */
function fixedPart(path: string): string {
  return path.replace(/\/:\w+$/, '')
}

const unread = 'nothing that passes here is scanned, masked or counted in tokens'
const writing = new Set(['POST', 'PUT', 'PATCH', 'DELETE'])

/** Says what each pass-through means. */
export function passThroughDoubts({ passthrough, listen }: Config): { path: Path; message: string }[] {
  return passthrough.flatMap(({ methods, prefix }, index) => {
    const path = ['passthrough', index]
    const changing = methods.filter((method) => writing.has(method))
    const found = [{ path: [...path, 'prefix'], message: `\`${prefix}\` is passed through: ${unread}` }]
    if (changing.length > 0)
      found.push({
        path: [...path, 'methods'],
        message: `${changing.join(', ')} can ask models and change the server past all guards; only routes that the gateway serves itself are refused`,
      })
    if (listen.tls?.clientCa !== undefined)
      found.push({
        path: [...path, 'prefix'],
        message:
          'pages of this server run in the browser under the origin of the gateway, and browsers send client certificates by themselves: such a page can do whatever the certificate may',
      })
    return found
  })
}
