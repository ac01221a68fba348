/** Networks in CIDR notation (RFC 4632, RFC 4291), and whether an address lies in one of them. */
import { BlockList, isIP } from 'node:net'
import { LRUCache } from 'lru-cache'
import { canonicalAddress } from '../core/peer.ts'

/** A set of networks. */
export interface Networks {
  /** Never of what is no address. */
  hold(address: string): boolean
}

/** An address alone is a network of one. */
const form = /^([0-9a-fA-F:.]+)(?:\/(\d{1,3}))?$/

/** What stands for the address of a client that comes by a Unix socket. */
export const unixPeer = 'unix'

/** Returns whether a text is an IP address, or a network in CIDR notation. */
export function isNetwork(text: string): boolean {
  const [, address = '', bits] = form.exec(text) ?? []
  const version = isIP(address)
  return version !== 0 && Number(bits ?? 0) <= (version === 4 ? 32 : 128)
}

/** Addresses whose answer is remembered: each look-up in a `BlockList` makes a native object of the address. */
const maxRemembered = 1024
const none: Networks = { hold: () => false }

/** @param networks each of which `isNetwork`, or `unixPeer` */
export function networksOf(networks: readonly string[]): Networks {
  if (networks.length === 0) return none
  const list = new BlockList()
  const holdsUnix = networks.includes(unixPeer)
  for (const network of networks.filter(isNetwork)) {
    const [, address = '', bits] = form.exec(network) ?? []
    const { start, length, family } = subnetOf(address, bits)
    list.addSubnet(start, length, family)
  }
  const held = new LRUCache<string, boolean>({
    max: maxRemembered,
    memoMethod(address) {
      const canonical = canonicalAddress(address)
      const version = isIP(canonical)
      return version !== 0 && list.check(canonical, version === 6 ? 'ipv6' : 'ipv4')
    },
  })
  return { hold: (address) => (address === unixPeer ? holdsUnix : held.memo(address)) }
}

/** Bits of `::ffff:0:0/96`, behind which IPv6 writes IPv4. */
const mappedBits = 96

function subnetOf(address: string, bits: string | undefined) {
  const isLong = isIP(address) === 6
  const length = bits === undefined ? (isLong ? 128 : 32) : Number(bits)
  const canonical = canonicalAddress(address)
  if (isLong && isIP(canonical) === 4 && length >= mappedBits)
    return { start: canonical, length: length - mappedBits, family: 'ipv4' } as const
  return { start: address, length, family: isLong ? 'ipv6' : 'ipv4' } as const
}
