/**
 * The descriptors of this process's own listening sockets. Node does not tell them, and where several workers serve, it is
 * not even the gateway that opened the socket: Node's cluster did, in the primary. Linux tells them below /proc.
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { isIPv6 } from 'node:net'
import type { Address } from '../../policy/policy.ts'

/** As /proc/net/tcp writes the state of a socket that listens (include/net/tcp_states.h). */
const listenState = '0A'

/**
 * Finds the socket that listens on an address.
 * @param address as it was bound: an IP address and the port that was chosen
 * @returns undefined if this process has none, or /proc does not tell
 */
export function listeningDescriptor(address: Pick<Address, 'host' | 'port'>): number | undefined {
  try {
    const inode = inodeOf(address)
    if (inode === undefined) return undefined
    for (const name of readdirSync('/proc/self/fd')) {
      if (linkOf(name) === `socket:[${inode}]`) return Number(name)
    }
    return undefined
  } catch {
    return undefined
  }
}

/** The folder's own descriptor is gone by the time it is looked at. */
function linkOf(name: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${name}`)
  } catch {
    return ''
  }
}

function inodeOf({ host, port }: Pick<Address, 'host' | 'port'>): string | undefined {
  const table = readFileSync(`/proc/self/net/${isIPv6(host) ? 'tcp6' : 'tcp'}`, 'latin1')
  const wanted = `${inHex(host)}:${port.toString(16).toUpperCase().padStart(4, '0')}`
  for (const line of table.split('\n').slice(1)) {
    const [, local, , state, , , , , , inode] = line.trim().split(/\s+/)
    if (local === wanted && state === listenState) return inode
  }
  return undefined
}

/** As the kernel writes an address: words of 32 bits in the byte order of the machine, which is little-endian. */
function inHex(host: string): string {
  const bytes = isIPv6(host) ? bytesOfIpv6(host) : host.split('.').map(Number)
  const words: string[] = []
  for (let at = 0; at < bytes.length; at += 4)
    words.push(
      Buffer.from(bytes.slice(at, at + 4))
        .reverse()
        .toString('hex'),
    )
  return words.join('').toUpperCase()
}

function bytesOfIpv6(host: string): readonly number[] {
  // `::` and a dotted end are written out by the URL parser.
  const [head = '', tail] = new URL(`http://[${host}]`).hostname.slice(1, -1).split('::')
  const groups = (text: string) =>
    text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16))
  const [before, after] = [groups(head), groups(tail ?? '')]
  const zeros = tail === undefined ? 0 : 8 - before.length - after.length
  return [...before, ...Array.from({ length: zeros }, () => 0), ...after].flatMap((group) => [
    group >> 8,
    group & 255,
  ])
}
