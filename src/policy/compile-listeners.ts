/** Compiles where the gateway listens, for whom, and what it believes of proxies there. */
import { parseDuration } from '../core/units.ts'
import type { SocketRights } from '../files/socket-file.ts'
import { parseAddress, socketPathFault, takesTheSame, unixScheme } from './address.ts'
import { compileTls } from './compile-tls.ts'
import { isShort, minTokenLength } from './lint.ts'
import { isNetwork, type Networks, networksOf, unixPeer } from './networks.ts'
import type { Address, CorsSettings, Policy } from './policy.ts'
import type { Config } from './schema/schema.ts'
import type { Path, Report, Source } from './source.ts'

/** Compiles both listeners. */
export function compileListeners(
  {
    listen: { address, socket, prefix, cors, tls },
    admin: { address: adminAddress, socket: adminSocket, token, hosts, console, viewers },
  }: Config,
  { source, folder }: { readonly source: Source; readonly folder: string },
  report: Report,
): Pick<Policy, 'listen' | 'admin'> {
  const listen = addressAt(address, ['listen', 'address'], report)
  const admin = addressAt(adminAddress, ['admin', 'address'], report)
  if (!admin.loopback && token === undefined && !source.holds(['admin', 'token']))
    report(['admin', 'address'], 'is not loopback, so `admin.token` is required')
  if (!admin.loopback && isShort(token))
    report(
      ['admin', 'token'],
      `must have at least ${minTokenLength} characters, because the address is not loopback`,
    )
  if (takesTheSame(admin, listen))
    report(['admin', 'address'], 'is also the address of the data listener: give each its own port')
  return {
    listen: {
      ...listen,
      socket: compileSocket(socket),
      prefix,
      cors: compileCors(cors, report),
      tls: compileTls(tls, folder, report),
    },
    admin: { ...admin, socket: compileSocket(adminSocket), token, hosts, console, viewers: new Set(viewers) },
  }
}

function compileSocket({ mode, group }: Config['listen']['socket']): SocketRights {
  return { mode: Number.parseInt(mode, 8), group }
}

function compileCors({ origins, maxAge }: Config['listen']['cors'], report: Report): CorsSettings {
  for (const [index, origin] of origins.entries()) {
    const fault = originFault(origin)
    if (fault !== undefined) report(['listen', 'cors', 'origins', index], fault)
  }
  return { origins, maxAgeSeconds: (parseDuration(maxAge) ?? 0) / 1000 }
}

/** Says why no browser sends this as `Origin` (RFC 6454, 6.1), or why it must not be allowed. */
function originFault(text: string): string | undefined {
  if (text === 'null') return undefined
  if (text.includes('*'))
    return 'must be a whole origin: a pattern would let pages of strangers use keys that a browser holds'
  if (!URL.canParse(text)) return 'is not an origin such as https://app.example.org'
  const { origin } = new URL(text)
  if (origin === 'null') return 'must begin with http:// or https://'
  return origin === text ? undefined : `must be scheme, host and port only: write ${origin}`
}

function compileProxies(proxies: readonly string[], { socketPath }: Address, report: Report): Networks {
  for (const [index, network] of proxies.entries())
    if (network === unixPeer && socketPath === undefined)
      report(['door', 'proxies', index], 'needs a Unix socket in `listen.address`')
    else if (network !== unixPeer && !isNetwork(network))
      report(['door', 'proxies', index], 'is not an address or network such as 10.0.0.0/8')
  return networksOf(proxies.filter((each) => each === unixPeer || isNetwork(each)))
}

/** Compiles what holds by client address. */
export function compileDoor(door: Config['door'], listen: Address, report: Report): Policy['door'] {
  const unnamed = listen.socketPath === undefined ? '' : unixPeer
  return { ...door, proxies: compileProxies(door.proxies, listen, report), unnamed }
}

function addressAt(text: string, path: Path, report: Report): Address {
  const address = parseAddress(text)
  if (address) return address
  const fault = text.startsWith(unixScheme) ? socketPathFault(text.slice(unixScheme.length)) : undefined
  report(path, fault ?? 'has a port above 65535')
  return { host: '127.0.0.1', port: 0, loopback: true }
}
