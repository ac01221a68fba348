/** Networks in CIDR notation (RFC 4632, RFC 4291), and whether an address lies in one of them. */
import { BlockList, isIP } from 'node:net'

export interface Networks {
  /** Never of what is no address. */
  hold(address: string): boolean
}

/** An address alone is a network of one. */
const form = /^([0-9a-fA-F:.]+)(?:\/(\d{1,3}))?$/

export function isNetwork(text: string): boolean {
  const [, address = '', bits] = form.exec(text) ?? []
  const version = isIP(address)
  return version !== 0 && Number(bits ?? 0) <= (version === 4 ? 32 : 128)
}

/** @param networks each of which `isNetwork` */
export function networksOf(networks: readonly string[]): Networks {
  const list = new BlockList()
  for (const network of networks) {
    const [, address = '', bits] = form.exec(network) ?? []
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4'
    list.addSubnet(address, bits === undefined ? (family === 'ipv6' ? 128 : 32) : Number(bits), family)
  }
  return {
    hold(address) {
      const version = isIP(address)
      return version !== 0 && list.check(address, version === 6 ? 'ipv6' : 'ipv4')
    },
  }
}
