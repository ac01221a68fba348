/**
 * The one notion of a peer's address: for the flood, the door, connections, key networks, records and logs. Each address
 * has one spelling, and an IPv6 caller counts as its network.
 */

/**
 * @returns IPv4 in its own form, also behind a dual-stack socket; IPv6 as RFC 5952 writes it, without a zone. What is no
 * address comes back as it is
 */
export function canonicalAddress(address: string): string {
  if (!address.includes(':')) return address
  const [, plainMapped] = /^::ffff:(\d+(?:\.\d+){3})$/i.exec(address) ?? []
  if (plainMapped !== undefined) return plainMapped
  const url = `http://[${address.replace(/%.*$/, '')}]`
  if (!URL.canParse(url)) return address
  const written = new URL(url).hostname.slice(1, -1)
  const [, high, low] = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(written) ?? []
  if (high === undefined || low === undefined) return written
  const bytes = [high, low].flatMap((group) => {
    const value = Number.parseInt(group, 16)
    return [value >> 8, value & 0xff]
  })
  return bytes.join('.')
}

/**
 * Whom an address belongs to: an IPv6 caller has the 2^64 addresses of its network (RFC 4291, 2.5.1), so they are one.
 * @param address canonical
 */
export function networkOf(address: string): string {
  if (!address.includes(':')) return address
  const [head = '', tail] = address.split('::')
  const groups = (text: string) => text.split(':').filter(Boolean)
  const missing = 8 - groups(head).length - groups(tail ?? '').length
  const all =
    tail === undefined ? groups(head) : [...groups(head), ...Array(missing).fill('0'), ...groups(tail)]
  return `${all.slice(0, 4).join(':')}::/64`
}
