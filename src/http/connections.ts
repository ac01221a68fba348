/** Open connections per address, counted before anybody is identified (`door.connections`). */
import type { Server } from 'node:net'

export function limitConnections(server: Server, most: () => number): void {
  const open = new Map<string, number>()
  server.on('connection', (socket) => {
    const address = networkOf(peerOf(socket.remoteAddress))
    const count = (open.get(address) ?? 0) + 1
    if (count > most()) {
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

/** An address as it stands in records: IPv4 in its own form, also behind a dual-stack socket. */
export function peerOf(address: string | undefined): string {
  return (address ?? '').replace(/^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/, '')
}

/** Whom an address belongs to: an IPv6 caller has the 2^64 addresses of its network (RFC 4291, 2.5.1), so they are one. */
export function networkOf(address: string): string {
  if (!address.includes(':')) return address
  const [head = '', tail] = address.split('::')
  const groups = (text: string) => text.split(':').filter(Boolean)
  const missing = 8 - groups(head).length - groups(tail ?? '').length
  const all =
    tail === undefined ? groups(head) : [...groups(head), ...Array(missing).fill('0'), ...groups(tail)]
  return `${all.slice(0, 4).join(':')}::/64`
}
