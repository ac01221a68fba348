/** Numbers of machines, not of people: versions, tables, logs, paths. And the addresses and numbers beside which they stand. */
import { describe, expect, it } from 'vitest'
import { createMasker } from '../../src/detect/sensitive/mask.ts'

const mask = (text: string) => createMasker().mask(text)

/** The same numbers in every run. */
function drawn(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (state * 1_103_515_245 + 12_345) & 0x7fff_ffff
    return (state >> 8) % below
  }
}

const next = drawn(7)
const digits = (count: number) => Array.from({ length: count }, () => next(10)).join('')
const table = (rows: number, columns: number, cell: () => string, parting: string) =>
  Array.from({ length: rows }, () => Array.from({ length: columns }, cell).join(parting)).join('\n')
const version = () => `${next(20)}.${next(20)}.${next(30)}.${next(30)}`

const kinds: Readonly<Record<string, readonly (() => string)[]>> = {
  'versions of four parts': [
    () => `upgraded libfoo from ${version()} to ${version()}`,
    () => `Mozilla/5.0 Chrome/${100 + next(40)}.0.${next(200)}.${next(250)} Safari/537.36`,
    () => `[assembly: AssemblyVersion("${next(9)}.${next(9)}.${next(200)}.${next(250)}")]`,
    () => `foo==${version()}`,
    () => `"version": "${next(9)}.${next(200)}.${next(200)}.${next(200)}"`,
    () => `see section ${1 + next(9)}.${1 + next(9)}.${1 + next(9)}.${1 + next(9)} of the standard`,
    () => `Foo.Bar, Version=${next(9)}.${next(200)}.0.0, Culture=neutral`,
    () => `firmware 2.${version().slice(0, 5)}`,
  ],
  'tables of small numbers': [2, 3, 4, 5].map(
    (size) => () =>
      table(6, 8, () => digits(size).replace(/^0+(?=\d)/, ''), [' ', '  ', ', ', '\t'][size - 2] ?? ' '),
  ),
  'tables of large numbers': [6, 7, 8, 9, 10].map((size) => () => table(6, 4, () => digits(size), ' ')),
  'tables of fractions': [2, 4, 6, 8].map(
    (size) => () => table(6, 4, () => `${next(2) ? '-' : ''}${next(100)}.${digits(size)}`, ' '),
  ),
  'lines of logs': [
    () =>
      `081109 ${digits(6)} ${next(400)} INFO dfs.DataNode: PacketResponder 1 for block blk_-${digits(19)}`,
    () => `req=${digits(16)} trace=${digits(18)} span=${digits(15)}`,
    () => `trace id: ${digits(16)}, next id: ${digits(17)}`,
    () => `17${digits(8)}.${digits(6)} [pid ${digits(5)}] read(3, ..., ${digits(5)})`,
    () => `[ ${digits(4)}.${digits(6)}] usb 1-1: new device`,
    () => `call stack depth ${digits(7)}`,
    () => `time ${digits(13)} port ${digits(5)} size ${digits(9)}`,
  ],
  'paths and packages': [
    () => `at Object.<anonymous> (/app/node_modules/@scope/core.io/index.js:10:${digits(2)})`,
    () => `icon@${1 + next(4)}x.png`,
    () => `https://cdn.example/npm/vue@3.4.${next(30)}/dist/vue.global.js`,
    () => 'git clone git@forge.example.org:org/repo.git',
    () => `W = (A@B.transpose()) + x@y.mean(${next(9)})`,
    () => `https://social.example.org/@user.name/${digits(18)}`,
  ],
}

describe('numbers of machines', () => {
  it.each(Object.entries(kinds))('%s are altered in at most one text of a hundred', (_kind, texts) => {
    const all = texts.flatMap((text) => Array.from({ length: 200 }, text))
    const altered = all.filter((text) => mask(text) !== text)
    expect(altered.length, altered.slice(0, 5).join('\n')).toBeLessThanOrEqual(all.length / 100)
  })

  it.each([
    ['ip', 'the server 5.9.8.1 is down', '5.9.8.1'],
    ['ip', 'ping 1.2.3.4', '1.2.3.4'],
    ['ip', 'http://5.9.8.1:8080/', '5.9.8.1'],
    ['ip', 'route 5.9.8.0/24', '5.9.8.0'],
    ['ip', 'from 198.51.100.23 at noon', '198.51.100.23'],
    ['ip', 'ssh root@5.9.8.1', '5.9.8.1'],
    ['ip', 'Failed password for root from 5.9.8.1 port 22 ssh2', '5.9.8.1'],
    ['ip', 'iptables -A INPUT -s 5.9.8.1 -j DROP', '5.9.8.1'],
    ['ip', 'example.org. 300 IN A 5.9.8.1', '5.9.8.1'],
    ['ssn', 'SS# 219099999 is mine', '219099999'],
    ['ip', 'set 8.8.8.8 and 8.8.4.4', '8.8.8.8'],
    ['ip', 'listen on ::', '::'],
    ['card', '4111 1111 1111 1111 12/27', '4111 1111 1111 1111'],
    ['card', '4111111111111111 5500005555555559', '5500005555555559'],
    ['card', 'My Maestro is 676111112220', '676111112220'],
    ['phone', 'Reach us at 030 901820 2024', '030 901820'],
    ['phone', 'Call me at 901 82 34', '901 82 34'],
    ['phone', 'mobile: 9018204567', '9018204567'],
    ['email', 'see contacts/ann@example.org', 'ann@example.org'],
  ])('leave %s masked in %j', (type, text, value) => {
    const masked = mask(text)
    expect(masked.startsWith(text.slice(0, text.indexOf(value)).replace(/^4111.*/, ''))).toBe(true)
    expect(masked).toContain(`<${type}:`)
    expect(masked.replaceAll(/<[^>]*>/g, '')).not.toContain(value)
  })
})
