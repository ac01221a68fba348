/** The firewall's rules, loaded into a network namespace, and who can connect then. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { type Attempt, attemptAll, hasNetworks, ownAddresses } from '../rig/network.ts'

const root = new URL('../../', import.meta.url).pathname
const read = (name: string) => readFileSync(`${root}deploy/firewall/${name}`, 'utf8')
const [gateway, stranger] = [4711, 4712]
const [model, data, admin] = [11434, 8080, 9464]

/** The rules, for a user that this machine need not have, loaded twice. @param shell what reads them */
function loading(name: string, line: string, shell: string): string {
  const text = read(name)
  expect(text).toContain(`\n${line}\n`)
  const rules = text.replace(line, line.replace('torwart', String(gateway)))
  return `${shell} <<'RULES'\n${rules}\nRULES\n`.repeat(2)
}
const kinds: readonly [string, () => string][] = [
  ['nftables', () => loading('torwart.nft', 'define gateway_user = torwart', 'nft -f -')],
  ['iptables', () => loading('torwart.iptables.sh', 'gateway_user=torwart', 'sh -s')],
]

type Case = readonly [Attempt['from'], number, boolean]
const loopback = ['127.0.0.1', '::1', ...ownAddresses]
/** Each case by each address: what it tries, and whether it should connect. */
const of = (hosts: readonly string[], cases: readonly Case[]) =>
  hosts.flatMap((host) => cases.map(([from, port, connects]) => ({ from, host, port, connects })))
const local = of(loopback, [
  [gateway, model, true],
  [0, model, true],
  [stranger, model, false],
  [stranger, data, true],
])
const foreign = of(ownAddresses, [
  ['outside', data, true],
  ['outside', model, false],
  ['outside', admin, false],
])

describe.skipIf(!hasNetworks)('the firewall', () => {
  const seen = (rules: string, cases: typeof local) => {
    const connected = attemptAll(rules, [model, data, admin], cases)
    return cases.map((each, index) => ({ ...each, connects: connected[index] }))
  }

  it.each(kinds)(
    'of %s lets only the gateway and root reach the model server, by any address',
    (_name, rules) => {
      expect(seen(rules(), local)).toEqual(local)
    },
  )

  it.each(kinds)('of %s lets others reach the gateway alone', (_name, rules) => {
    expect(seen(rules(), foreign)).toEqual(foreign)
  })

  it('is what makes the difference', () => {
    for (const cases of [local, foreign])
      expect(seen(':', cases)).toEqual(cases.map((each) => ({ ...each, connects: true })))
  })
})

it('has the same ports in both forms', () => {
  const [nft, iptables] = [read('torwart.nft'), read('torwart.iptables.sh')]
  for (const name of ['model_ports', 'public_ports']) {
    const [, ports = ''] = new RegExp(`^define ${name} = \\{ (.*) \\}$`, 'm').exec(nft) ?? []
    expect(iptables).toContain(`\n${name}=${ports.replaceAll(' ', '')}\n`)
  }
})
