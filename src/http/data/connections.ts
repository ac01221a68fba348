/**
 * Where a connection comes from, and how many there may be from one place, before anybody is identified. A proxy that
 * the policy trusts speaks for many, and says for whom.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { isIP, type Server, type Socket } from 'node:net'
import { canonicalAddress, networkOf } from '../../core/peer.ts'
import type { Policy } from '../../policy/policy.ts'

export function limitConnections(server: Server, door: () => Policy['door']): void {
  const open = new Map<string, number>()
  server.on('connection', (socket) => {
    const { connections: max, proxies } = door()
    const peer = canonicalPeer(socket.remoteAddress)
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

export interface ConnectionBounds {
  readonly each: number
  readonly all: number
}

/**
 * For a listener that must stay open to those who look after the gate: when an address has all it may have, or all have, the
 * connection that has been silent for longest gives way to the new one. Plain HTTP only: with TLS, requests come through
 * other sockets than connections.
 */
export function evictIdleConnections(server: Server, { each, all }: ConnectionBounds): void {
  const open = new Map<Socket, string>()
  /** Without a request under way, the longest silent first. */
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

/** The other end of a connection, as it stands in records. */
export function canonicalPeer(address: string | undefined): string {
  return canonicalAddress(address ?? '')
}

/**
 * Who sent a request: the other end of its connection, unless that is a trusted proxy. Then the last address of
 * `X-Forwarded-For` that is none: what stands before it anybody may have written there.
 */
export function clientAddressOf({ socket, headers }: IncomingMessage, { proxies }: Policy['door']): string {
  let sender = canonicalPeer(socket.remoteAddress)
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

/** As proxies write it: `192.0.2.7`, `192.0.2.7:443`, `2001:db8::7`, `[2001:db8::7]:443`. */
function hopOf(text: string): string {
  const [, bracketed, plain] = /^\s*(?:\[([^\]]*)\]|(\d+(?:\.\d+){3})(?=:\d+\s*$))/.exec(text) ?? []
  return canonicalAddress((bracketed ?? plain ?? text).trim())
}
