/** Unix sockets in the policy: listeners, model servers, and the proxies that connect to them. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { loadPolicy } from '../../src/policy/load.ts'
import { PolicyError } from '../../src/policy/problem.ts'

const folder = mkdtempSync(join(tmpdir(), 'torwart-unix-'))
afterAll(() => rmSync(folder, { recursive: true }))
const file = join(folder, 'torwart.yaml')
const server = 'upstreams: [{ name: local, url: "http://127.0.0.1:11434", kind: ollama }]'

const load = (...lines: string[]) => {
  writeFileSync(file, ['version: 1', ...lines].join('\n'))
  return loadPolicy(file, {})
}
const faults = (...lines: string[]) => {
  try {
    load(...lines)
    return []
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error
    return error.problems.map(({ line, column, message }) => `${line}:${column} ${message}`)
  }
}

it('a socket counts as loopback, has rights, and is not told as plain HTTP', () => {
  const { policy, warnings } = load(
    'listen: { address: "unix:/run/gate.sock", socket: { mode: "0666", group: www-data } }',
    'admin: { address: "unix:/run/admin.sock" }',
    'door: { proxies: [unix, 10.0.0.0/8] }',
    'upstreams: [{ name: local, url: "unix:/run/model.sock", kind: openai }]',
  )
  expect(warnings).toEqual([])
  expect(policy.listen).toMatchObject({
    socketPath: '/run/gate.sock',
    loopback: true,
    socket: { mode: 0o666, group: 'www-data' },
  })
  expect(policy.admin).toMatchObject({
    socketPath: '/run/admin.sock',
    socket: { mode: 0o660, group: undefined },
  })
  expect(policy.upstreams[0]).toMatchObject({ origin: 'unix:/run/model.sock', socketPath: '/run/model.sock' })
  expect(['unix', '10.1.2.3', '192.168.0.1', ''].map(policy.door.proxies.hold)).toEqual([
    true,
    true,
    false,
    false,
  ])
})

it('a path must be absolute, short enough, and used once', () => {
  const long = `/${'x'.repeat(107)}`
  for (const [path, fault] of [
    ['run/gate.sock', 'must be an absolute path'],
    ['', 'must be an absolute path'],
    ['/run/', 'must be an absolute path'],
    [long, 'is longer than the 107 bytes'],
  ]) {
    expect(faults(`listen: { address: "unix:${path}" }`, server)).toEqual([
      expect.stringMatching(new RegExp(`^2:20 .*${fault}`)),
    ])
    expect(faults(`upstreams: [{ name: a, url: "unix:${path}", kind: ollama }]`)).toEqual([
      expect.stringMatching(new RegExp(`^2:29 .*${fault}`)),
    ])
  }
  const both = ['listen: { address: "unix:/a.sock" }', 'admin: { address: "unix:/a.sock" }']
  expect(faults(...both, server)).toEqual([
    expect.stringContaining('is also the address of the data listener'),
  ])
  expect(
    faults(
      'listen: { address: "unix:/a.sock" }',
      'upstreams: [{ name: a, url: "unix:/a.sock", kind: ollama }]',
    ),
  ).toEqual([expect.stringContaining('is an address of this gateway itself')])
})

it('a mode is octal and quoted, and `unix` needs a socket', () => {
  for (const mode of ['660', '"0999"', '"rw"', '"06600"'])
    expect([mode, faults(`listen: { socket: { mode: ${mode} } }`, server).length]).toEqual([mode, 1])
  expect(faults('door: { proxies: [unix] }', server)).toEqual([
    expect.stringMatching(/^2:19 .*needs a Unix socket in `listen.address`/),
  ])
})
