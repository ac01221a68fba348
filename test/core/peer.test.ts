import { describe, expect, it } from 'vitest'
import { canonicalAddress, networkOf } from '../../src/core/peer.ts'
import { networksOf } from '../../src/policy/networks.ts'

describe('an address', () => {
  it.each([
    ['192.0.2.7', '192.0.2.7', '192.0.2.7'],
    ['::ffff:192.0.2.7', '192.0.2.7', '192.0.2.7'],
    ['::FFFF:c000:207', '192.0.2.7', '192.0.2.7'],
    ['0:0:0:0:0:ffff:c000:0207', '192.0.2.7', '192.0.2.7'],
    ['2001:DB8::7', '2001:db8::7', '2001:db8:0:0::/64'],
    ['2001:0db8:0000:0000:0000:0000:0000:0007', '2001:db8::7', '2001:db8:0:0::/64'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['64:ff9b::192.0.2.7', '64:ff9b::c000:207', '64:ff9b:0:0::/64'],
    ['fe80::1%eth0', 'fe80::1', 'fe80:0:0:0::/64'],
    ['::1', '::1', '0:0:0:0::/64'],
    ['', '', ''],
  ])('%s has one spelling and one network', (given, canonical, network) => {
    expect(canonicalAddress(given)).toBe(canonical)
    expect(networkOf(canonical)).toBe(network)
  })

  it('is in the networks of a policy however either is written', () => {
    const networks = networksOf(['::ffff:10.0.0.0/104', '192.0.2.0/24', '2001:db8::/32'])
    for (const inside of ['10.1.2.3', '::ffff:10.1.2.3', '::ffff:c000:207', '2001:0DB8::1'])
      expect([inside, networks.hold(inside)]).toEqual([inside, true])
    for (const outside of ['11.0.0.1', '::ffff:11.0.0.1', '2001:db9::1', 'nonsense'])
      expect([outside, networks.hold(outside)]).toEqual([outside, false])
  })

  it('is answered alike when it is asked for again, also after many others', () => {
    const networks = networksOf(['10.0.0.0/8'])
    const asked = Array.from(
      { length: 3000 },
      (_, index) => `${index % 2 === 0 ? 10 : 11}.0.${index >> 8}.${index & 255}`,
    )
    const expected = asked.map((address) => address.startsWith('10.'))
    expect(asked.map(networks.hold)).toEqual(expected)
    expect(asked.map(networks.hold)).toEqual(expected)
  })

  it('is in none of no networks', () => expect(networksOf([]).hold('192.0.2.7')).toBe(false))
})
