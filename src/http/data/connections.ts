/**
 * The address of a client, and how many connections it may have before it is identified. A trusted proxy speaks for many
 * clients, and names each of them.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { isIP, type Server, type Socket } from 'node:net'
import { canonicalAddress, networkOf } from '../../core/peer.ts'
import type { Policy } from '../../policy/policy.ts'

/** Closes connections above `door.connections` of one network (an IPv4 address, an IPv6 /64). */
export function limitConnections(server: Server, door: () => Policy['door']): void {
  const open = new Map<string, number>()
  server.on('connection', (socket) => {
    const { connections: max, proxies } = door()
    const peer = peerOf(socket, door())
    if (proxies.hold(peer)) return
    const address = networkOf(peer)
    const count = (open.get(address) ?? 0) + 1
    if (count > max) {
      socket.destroy()
      return
    }
    open.set(address, count)
    socket.once('close', () => {
      const left = (open.get(address) ?? 1) - 1
      if (left === 0) open.delete(address)
      else open.set(address, left)
    })
  })
}

/** The most connections of each network, and of all. */
export interface ConnectionBounds {
  readonly each: number
  readonly all: number
}

/**
 * Keeps a listener open to its operators: at either bound, the connection that has been idle for longest is closed in
 * favour of the new one. For plain HTTP only, because with TLS requests arrive on other sockets than connections.
 */
export function evictIdleConnections(server: Server, { each, all }: ConnectionBounds): void {
  const open = new Map<Socket, string>()
  /** Without a request in flight, the longest idle first. */
  const idle = new Set<Socket>()
  const forget = (socket: Socket) => {
    open.delete(socket)
    idle.delete(socket)
  }
  server.on('connection', (socket: Socket) => {
    const address = networkOf(canonicalPeer(socket.remoteAddress))
    const isOwn = (other: Socket) => open.get(other) === address
    const isAddressFull = [...open.keys()].filter(isOwn).length >= each
    if (isAddressFull || open.size >= all) {
      const longestIdle = [...idle].find((other) => !isAddressFull || isOwn(other))
      if (!longestIdle) return void socket.destroy()
      forget(longestIdle)
      longestIdle.destroy()
    }
    open.set(socket, address)
    idle.add(socket)
    socket.once('close', () => forget(socket))
  })
  server.on('request', ({ socket }: IncomingMessage, response: ServerResponse) => {
    idle.delete(socket)
    response.once('close', () => {
      if (open.has(socket)) idle.add(socket)
    })
  })
}

/** Returns the peer of a connection of the data listener, as it is recorded. */
export function peerOf(
  { remoteAddress }: Pick<Socket, 'remoteAddress'>,
  { unnamed }: Policy['door'],
): string {
  return remoteAddress === undefined ? unnamed : canonicalAddress(remoteAddress)
}

/** Returns the canonical form of a peer address, as it is recorded. */
export function canonicalPeer(address: string | undefined): string {
  return canonicalAddress(address ?? '')
}

/**
 * Returns the address that sent a request: the peer, unless that is a trusted proxy; then the last address of
 * `X-Forwarded-For` that is no trusted proxy. Earlier ones can be forged by the client.
 */
export function clientAddressOf({ socket, headers }: IncomingMessage, door: Policy['door']): string {
  const { proxies } = door
  let sender = peerOf(socket, door)
  if (!proxies.hold(sender)) return sender
  const hops = String(headers['x-forwarded-for'] ?? '').split(',')
  while (hops.length > 0 && proxies.hold(sender)) {
    const hop = hopOf(hops.pop() ?? '')
    if (hop === '') continue
    if (isIP(hop) === 0) return sender
    sender = hop
  }
  return sender
}

/** Reads an address as proxies write it: `192.0.2.7`, `192.0.2.7:443`, `2001:db8::7`, `[2001:db8::7]:443`. */
function hopOf(text: string): string {
  const [, bracketed, plain] = /^\s*(?:\[([^\]]*)\]|(\d+(?:\.\d+){3})(?=:\d+\s*$))/.exec(text) ?? []
  return canonicalAddress((bracketed ?? plain ?? text).trim())
}
