/** `doctor` looks at files, listeners, Redis and programs of the host: each check finds what is unsafe, and nothing else. */
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { adminExposed } from '../../src/doctor/checks/admin-exposed.ts'
import { auditReadable } from '../../src/doctor/checks/audit-readable.ts'
import { clock } from '../../src/doctor/checks/clock.ts'
import { disk } from '../../src/doctor/checks/disk.ts'
import { dockerPorts } from '../../src/doctor/checks/docker-ports.ts'
import { envFile } from '../../src/doctor/checks/env-file.ts'
import { filePermissions } from '../../src/doctor/checks/file-permissions.ts'
import { gatePlain } from '../../src/doctor/checks/gate-plain.ts'
import { limits } from '../../src/doctor/checks/limits.ts'
import { nodeVersion } from '../../src/doctor/checks/node-version.ts'
import { proxies } from '../../src/doctor/checks/proxies.ts'
import { redis } from '../../src/doctor/checks/redis.ts'
import { readClock, readPublished } from '../../src/doctor/collect/programs.ts'
import { readDisk } from '../../src/doctor/collect/system.ts'
import { cli } from '../rig/cli.ts'
import { hasRedis, startRedis } from '../rig/redis.ts'
import { factsOf, findings, folder, missed, ollama, serve, writePolicy } from './deployment.ts'

describe('files', () => {
  it.each([
    ['torwart.yaml', 0o664, 'critical'],
    ['keys.yaml', 0o640, 'high'],
    ['keys.yaml', 0o602, 'critical'],
    ['keys.yaml.signing.json', 0o604, 'critical'],
    ['audit/audit.jsonl.key', 0o644, 'high'],
    ['models.signing.key', 0o644, 'high'],
    ['token', 0o644, 'high'],
    ['.', 0o777, 'critical'],
  ])('finds %s with mode %o', async (name, mode, severity) => {
    const secret = `admin: { address: 127.0.0.1:9464, token: "\${file:token}" }`
    const { path, file } = writePolicy({ more: secret })
    writeFileSync(join(path, 'token'), 'a token that nobody can guess', { mode: 0o600 })
    expect(findings(filePermissions, await factsOf({ file }))).toEqual([])
    if (['keys.yaml.signing.json', 'models.signing.key'].includes(name)) writeFileSync(join(path, name), '')
    chmodSync(join(path, name), mode)
    expect(findings(filePermissions, await factsOf({ file }))).toEqual([`${severity} file-permissions`])
    chmodSync(path, 0o700)
  })

  it('finds an audit log or its folder that everyone may read', async () => {
    const { path, file } = writePolicy()
    expect(findings(auditReadable, await factsOf({ file }))).toEqual([])
    chmodSync(join(path, 'audit/audit.jsonl'), 0o644)
    chmodSync(join(path, 'audit'), 0o755)
    expect(findings(auditReadable, await factsOf({ file }))).toEqual([
      'medium audit-log-readable',
      'low audit-log-readable',
    ])
  })

  it('finds a .env that others read or that Git does not ignore', async () => {
    const { path, file } = writePolicy()
    writeFileSync(join(path, '.env'), 'A=b', { mode: 0o600 })
    expect(findings(envFile, await factsOf({ file }))).toEqual([])
    mkdirSync(join(path, '.git'))
    expect(findings(envFile, await factsOf({ file }))).toEqual(['medium env-file'])
    writeFileSync(join(path, '.gitignore'), 'node_modules\n.env\n')
    expect(findings(envFile, await factsOf({ file }))).toEqual([])
    chmodSync(join(path, '.env'), 0o644)
    expect(findings(envFile, await factsOf({ file }))).toEqual(['high env-file'])
  })
})

describe('listeners', () => {
  it('finds a gateway on all addresses without TLS', async () => {
    const open = await factsOf({ more: 'listen: { address: "0.0.0.0:8080" }' })
    expect(findings(gatePlain, open)).toEqual(['high gate-plain-http'])
    expect(missed(gatePlain, { ...open, inContainer: true })).toEqual(['gate-plain-http'])
    expect(findings(gatePlain, await factsOf())).toEqual([])
  })

  it('finds an admin listener beyond loopback, in the policy or on its port', async () => {
    const more = (port: number, host = '127.0.0.1') =>
      `admin: { address: "${host}:${port}", token: "a token that nobody can guess" }`
    expect(findings(adminExposed, await factsOf({ more: more(9464, '0.0.0.0') }))).toEqual([
      'medium admin-exposed',
    ])
    const inside = await serve('127.0.0.1', ollama())
    expect(findings(adminExposed, await factsOf({ more: more(inside) }))).toEqual([])
    const outside = await serve('0.0.0.0', ollama())
    expect(findings(adminExposed, await factsOf({ more: more(outside) }))).toEqual(['medium admin-exposed'])
  })

  it('says that proxies before it cannot be seen, unless the policy names them', async () => {
    expect(missed(proxies, await factsOf())).toEqual(['proxies'])
    expect(missed(proxies, await factsOf({ more: 'door: { proxies: ["127.0.0.1"] }' }))).toEqual([])
  })
})

describe.skipIf(!hasRedis)('Redis', () => {
  it('is found open, evicting and forgetful', async () => {
    const server = await startRedis({ words: ['--maxmemory-policy', 'allkeys-lru'] })
    try {
      const facts = await factsOf({ more: `store: { redis: "${server.url}" }` })
      expect(findings(redis, facts)).toEqual(['medium redis-password', 'medium redis-eviction'])
      const shared = { ...facts, policy: { ...facts.policy, keysInRedis: true } }
      expect(findings(redis, shared)).toContain('low redis-persistence')
    } finally {
      await server.stop()
    }
  })

  it('is clean with a password, noeviction and a log', async () => {
    const server = await startRedis({ words: ['--requirepass', 'pass', '--appendonly', 'yes'] })
    try {
      const url = server.url.replace('redis://', 'redis://:pass@')
      const facts = await factsOf({ more: `store: { redis: "${url}" }` })
      const shared = { ...facts, policy: { ...facts.policy, keysInRedis: true } }
      expect(redis(shared)).toEqual([])
    } finally {
      await server.stop()
    }
  })

  it('that does not answer is not called safe', async () => {
    const facts = await factsOf({ more: 'store: { redis: "redis://127.0.0.1:1" }' })
    expect(missed(redis, facts)).toEqual(['redis'])
  })
})

describe('programs and limits of the host', () => {
  const script = (text: string) => {
    const path = join(folder(), 'program')
    writeFileSync(path, `#!/bin/sh\n${text}\n`, { mode: 0o755 })
    return path
  }

  it('asks timedatectl for the clock, and says when it does not know', async () => {
    const facts = await factsOf()
    const told = async (text: string) => ({ ...facts, clock: await readClock(script(text), '/nowhere') })
    expect(findings(clock, await told('echo no'))).toEqual(['medium clock'])
    expect(clock(await told('echo yes'))).toEqual([])
    expect(missed(clock, await told('exit 1'))).toEqual(['clock'])
    expect(missed(clock, { ...facts, clock: await readClock('/no/such/program', '/nowhere') })).toEqual([
      'clock',
    ])
    expect(clock({ ...facts, clock: await readClock('/no/such/program', '/') })).toEqual([])
  })

  it('asks Docker for published ports', async () => {
    const facts = await factsOf()
    const told = async (ports: string) => ({
      ...facts,
      published: await readPublished(script(`printf '%b' 'one\\tollama/ollama:0.33.0\\t${ports}\\n'`)),
    })
    expect(findings(dockerPorts, await told('0.0.0.0:11434->11434/tcp, [::]:11434->11434/tcp'))).toEqual([
      'high docker-ports',
      'high docker-ports',
    ])
    expect(dockerPorts(await told('127.0.0.1:11434->11434/tcp'))).toEqual([])
    expect(dockerPorts(await told('11434/tcp'))).toEqual([])
    expect(missed(dockerPorts, { ...facts, published: await readPublished(script('exit 1')) })).toEqual([
      'docker-ports',
    ])
    expect(dockerPorts({ ...facts, published: await readPublished('/no/such/program') })).toEqual([])
  })

  it('finds a disk that is nearly full', async () => {
    const facts = await factsOf()
    const room = readDisk(facts.policy.audit.file)
    expect('value' in room && room.value.total).toBeGreaterThan(0)
    const with_ = (free: number, total: number) => ({ ...facts, disk: { value: { free, total } } })
    expect(findings(disk, with_(100 * 1024 ** 2, 1024 ** 4))).toEqual(['high disk'])
    expect(findings(disk, with_(1024 ** 3, 100 * 1024 ** 3))).toEqual(['medium disk'])
    expect(disk(with_(1024 ** 3, 2 * 1024 ** 3))).toEqual([])
    expect(disk(with_(50 * 1024 ** 3, 1024 ** 4))).toEqual([])
  })

  it('finds few open files and a memory budget beyond what there is', async () => {
    const facts = await factsOf({ more: 'memory: { budget: 512MiB }' })
    const few = { ...facts, openFiles: { value: { limit: 512, isGateway: true } } }
    expect(findings(limits, few)).toContain('medium open-files')
    const many = { value: { limit: 65_536, isGateway: true } }
    expect(limits({ ...facts, openFiles: many, memoryBytes: 4 * 1024 ** 3 })).toEqual([])
    expect(findings(limits, { ...facts, openFiles: many, memoryBytes: 512 * 1024 ** 2 })).toEqual([
      'medium memory',
    ])
  })

  it('finds a Node without security fixes, by the date', async () => {
    const facts = await factsOf()
    const at = (value: string, date: string) => ({
      ...facts,
      nodeVersion: { value },
      nowMs: Date.parse(date),
    })
    expect(findings(nodeVersion, at('20.20.2', '2026-12-01'))).toEqual(['medium node-version'])
    expect(nodeVersion(at('20.20.2', '2026-04-30'))).toEqual([])
    expect(findings(nodeVersion, at('18.0.0', '2024-01-01'))).toEqual(['medium node-version'])
    expect(nodeVersion(at('24.1.0', '2026-12-01'))).toEqual([])
    expect(missed(nodeVersion, at('99.0.0', '2026-12-01'))).toEqual(['node-version'])
  })
})

describe('torwart doctor', () => {
  /** What depends on where the tests run. */
  const ofHost = new Set(['disk', 'clock', 'open-files', 'docker-ports'])

  it('is clean for a safe deployment, and exits with 1 for an unsafe one', async () => {
    const port = await serve('127.0.0.1', ollama())
    const { path, file } = writePolicy({
      url: `http://127.0.0.1:${port}`,
      more: 'guards: { prompt: { mode: enforce }, output: { mode: enforce } }',
    })
    const begun = performance.now()
    const { out, code } = await cli(['doctor', '-c', file, '--json'])
    expect(performance.now() - begun).toBeLessThan(5000)
    const { findings: found } = JSON.parse(out) as { findings: { id: string }[] }
    expect(found.filter(({ id }) => !ofHost.has(id))).toEqual([])
    expect(code).toBe(found.length > 0 ? 1 : 0)
    chmodSync(join(path, 'keys.yaml'), 0o666)
    const broken = await cli(['doctor', '-c', file])
    expect(broken.code).toBe(1)
    expect(broken.out).toContain(`Fix: chmod 600 ${join(path, 'keys.yaml')}`)
    expect(broken.out).toContain('Not checked:\n')
  })

  it('calls a policy with errors a finding', async () => {
    const { code, out } = await cli(['doctor', '--json', '-c', writePolicy({ more: 'nonsense: 1' }).file])
    expect(code).toBe(1)
    expect(JSON.parse(out)).toMatchObject({ findings: [{ id: 'policy-invalid', severity: 'critical' }] })
  })
})
