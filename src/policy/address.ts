/** Hosts, ports and which addresses are near enough to trust with prompts. */
import { BlockList, isIP } from 'node:net'
import { errorCode } from '../core/error-code.ts'
import type { Address, Upstream } from './policy.ts'

const loopback = new BlockList()
loopback.addSubnet('127.0.0.0', 8, 'ipv4')
loopback.addAddress('::1', 'ipv6')

/** RFC 1918, RFC 6598 (carrier-grade NAT, as overlay networks use it), RFC 4193, link-local. */
const near = new BlockList()
near.addSubnet('127.0.0.0', 8, 'ipv4')
near.addSubnet('10.0.0.0', 8, 'ipv4')
near.addSubnet('172.16.0.0', 12, 'ipv4')
near.addSubnet('192.168.0.0', 16, 'ipv4')
near.addSubnet('100.64.0.0', 10, 'ipv4')
near.addSubnet('169.254.0.0', 16, 'ipv4')
near.addAddress('::1', 'ipv6')
near.addSubnet('fc00::', 7, 'ipv6')
near.addSubnet('fe80::', 10, 'ipv6')

function listed(list: BlockList, host: string): boolean {
  const family = isIP(host)
  return family !== 0 && list.check(host, family === 4 ? 'ipv4' : 'ipv6')
}

/** An IP address, or `localhost`. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || listed(loopback, host)
}

/** Whether an IP address is loopback or private: a prompt sent there stays in the operator's network. */
export function isNear(ip: string): boolean {
  return listed(near, ip)
}

/** Whether what this URL gives may be trusted to be its host's: https, or http on loopback. */
export function mayBringKeys(text: string): boolean {
  if (!URL.canParse(text)) return false
  const { protocol, hostname, username, password } = new URL(text)
  if (username !== '' || password !== '') return false
  return protocol === 'https:' || (protocol === 'http:' && isLoopback(hostname.replace(/^\[|\]$/g, '')))
}

/** Characters before the path of a Unix socket. */
export const unixScheme = 'unix:'

/** Bytes of `sun_path` on Linux, less the one that ends it (unix(7)). */
const maxSocketPath = 107

/** Says why there can be no Unix socket at a path; undefined if there can. */
export function socketPathFault(path: string): string | undefined {
  if (!/^\/[^\0]+$/.test(path) || path.endsWith('/'))
    return 'must be an absolute path, as in unix:/run/torwart/torwart.sock'
  if (Buffer.byteLength(path) > maxSocketPath)
    return `is longer than the ${maxSocketPath} bytes that a Unix socket can have`
  return undefined
}

/** The origin with which requests to a model server are made: for a Unix socket, one that is not looked up. */
export function httpOrigin({ origin, socketPath }: Pick<Upstream, 'origin' | 'socketPath'>): string {
  return socketPath === undefined ? origin : 'http://localhost'
}

/** `HOST:PORT`, `[IPv6]:PORT` or `unix:/PATH`; undefined if it is none of them. */
export function parseAddress(text: string): Address | undefined {
  if (text.startsWith(unixScheme)) {
    const socketPath = text.slice(unixScheme.length)
    if (socketPathFault(socketPath) !== undefined) return undefined
    return { host: 'localhost', port: 0, loopback: true, socketPath }
  }
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text)
  const host = match?.[1] ?? match?.[2]
  const port = Number(match?.[3])
  if (host === undefined || port > 65535) return undefined
  return { host, port, loopback: isLoopback(host), socketPath: undefined }
}

type Place = Pick<Address, 'host' | 'port' | 'socketPath'>

const plainHost = (host: string) => (host === 'localhost' ? '127.0.0.1' : host)
const isAny = ({ host }: Place) => host === '0.0.0.0' || host === '::'

/** Whether two listeners cannot be there together: one for all networks takes its port on each of them. */
export function takesTheSame(one: Place, other: Place): boolean {
  if (one.socketPath !== undefined) return one.socketPath === other.socketPath
  if (one.port === 0 || one.port !== other.port) return false
  return plainHost(one.host) === plainHost(other.host) || isAny(one) || isAny(other)
}

/** Whether a URL is that of a listener of this machine. */
export function leadsTo(url: string, own: Place): boolean {
  if (own.socketPath !== undefined) return url === `${unixScheme}${own.socketPath}`
  const { hostname, port, protocol } = new URL(url)
  const host = hostname.replace(/^\[|\]$/g, '')
  if (own.port === 0 || Number(port || (protocol === 'https:' ? 443 : 80)) !== own.port) return false
  return plainHost(host) === plainHost(own.host) || (isAny(own) && isLoopback(host))
}

const unbound: Readonly<Record<string, string>> = {
  EADDRINUSE: 'is in use by another program',
  EACCES: 'cannot be used by this user',
  ENOENT: 'is in a folder that does not exist',
  EADDRNOTAVAIL: 'is not an address of this machine',
  ENOTFOUND: 'is a name that does not resolve',
}

/**
 * Why nobody could listen there, in a sentence.
 * @param remedy where to say another address
 * @returns the error itself if it is none of those that an operator can mend
 */
export function bindProblem(error: unknown, address: Place, remedy: string): unknown {
  const why = unbound[errorCode(error)]
  return why === undefined
    ? error
    : new Error(`${authorityOf(address)} ${why}: choose another address (${remedy})`, { cause: error })
}

/** @returns scheme, host and port, without a path; `unix:` and the path of a Unix socket */
export function urlOf(scheme: string, address: Place): string {
  return address.socketPath === undefined ? `${scheme}://${authorityOf(address)}` : authorityOf(address)
}

/** @returns `HOST:PORT`, `[IPv6]:PORT`, `unix:PATH` */
export function authorityOf({ host, port, socketPath }: Place): string {
  if (socketPath !== undefined) return `${unixScheme}${socketPath}`
  return `${host.includes(':') ? `[${host}]` : host}:${port}`
}
