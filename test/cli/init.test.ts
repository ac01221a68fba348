/** `torwart init` writes a deployment that `check` and `doctor` pass, and never over anything. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { hashKey } from '../../src/auth/api-keys/key.ts'
import { readKeyFile } from '../../src/auth/api-keys/key-file.ts'
import { loadPolicy } from '../../src/policy/load.ts'
import { ollama, serve } from '../doctor/deployment.ts'
import { createAuthority } from '../rig/certificates.ts'
import { cli } from '../rig/cli.ts'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'torwart-init-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const modeOf = (name: string) => statSync(join(folder, name)).mode & 0o777
const read = (name: string) => readFileSync(join(folder, name), 'utf8')
const policyOf = () => loadPolicy(join(folder, 'torwart.yaml'), {})
/** A model server that lists one model. */
const withModel = () =>
  serve('127.0.0.1', (request, response) => {
    if (request.url === '/.well-known/localai.json') response.statusCode = 404
    if (request.url === '/api/tags') response.end('{"models":[{"name":"smollm2:135m"}]}')
    else ollama()(request, response)
  })

describe('torwart init', () => {
  it('writes a policy for the server there is, prints the key once, and ends with check and doctor', async () => {
    const url = `http://127.0.0.1:${await withModel()}`
    const { code, out, err } = await cli(['init', folder, '--yes', '--upstream', url, '--key', 'alice:agent'])
    expect(code).toBe(0)
    const [entry, ...others] = readKeyFile(join(folder, 'keys/keys.yaml'))
    expect(others).toEqual([])
    expect(entry).toMatchObject({ name: 'alice', role: 'agent' })
    expect(hashKey(out.trim()).toString('hex')).toBe(entry?.sha256)
    expect(err).not.toContain(out.trim())
    expect(['keys/keys.yaml', 'secrets/admin-token', 'keys', 'secrets', 'audit'].map(modeOf)).toEqual([
      0o600, 0o600, 0o700, 0o700, 0o700,
    ])
    const { policy, warnings } = policyOf()
    expect(warnings).toEqual([])
    expect(policy.upstreams).toMatchObject([{ origin: url, kind: 'ollama' }])
    expect(policy.roles.get('agent')?.models).toEqual(['smollm2:135m'])
    expect(policy.admin.token).toBe(read('secrets/admin-token').trim())
    expect(err).toContain('is valid\n')
    // What it writes is safe; what the host is like depends on where this runs.
    const ids = Array.from(err.matchAll(/\[([\w-]+)\]$/gm), ([, id]) => id)
    expect(ids.filter((id) => !['disk', 'clock', 'open-files', 'docker-ports'].includes(id ?? ''))).toEqual(
      [],
    )
    expect(err).toContain('not checked. Known vulnerabilities as of ')
    expect(err.trimEnd().split('\n').at(-1)).toMatch(/^Next: /)
  })

  it('writes over nothing', async () => {
    expect((await cli(['init', folder, '--yes'])).code).toBe(0)
    const before = readdirSync(folder, { recursive: true })
    const policy = read('torwart.yaml')
    const again = await cli(['init', folder, '--yes', '--service', 'compose'])
    expect(again).toMatchObject({ code: 2, out: '' })
    expect(again.err).toContain('already has torwart.yaml, keys/keys.yaml')
    expect(readdirSync(folder, { recursive: true })).toEqual(before)
    expect(read('torwart.yaml')).toBe(policy)
  })

  it('asks five questions, and asks again after an answer that is none', async () => {
    const answers = [
      '127.0.0.1:1',
      'http://127.0.0.1:1',
      '',
      'redis://:secret@127.0.0.1:1',
      'upstart',
      '',
      'bob',
    ]
    const { code, out, err } = await cli(['init', folder], `${answers.join('\n')}\n`)
    expect(code).toBe(0)
    expect(out).toMatch(/^tw_/)
    expect(err).toContain('must start with http://')
    expect(err).toContain('The service must be one of systemd, compose, none.')
    expect(err.match(/\]: /g)).toHaveLength(5)
    expect(read('torwart.yaml')).not.toContain('secret@')
    expect(read('secrets/redis-url')).toBe('redis://:secret@127.0.0.1:1\n')
    expect(policyOf().policy.store.redis?.urls).toEqual(['redis://:secret@127.0.0.1:1'])
  })

  it.each([
    [['--upstream', 'ftp://x'], 'must start with http://'],
    [['--upstream', 'http://127.0.0.1:1/v1'], 'has a path'],
    [['--tls', 'only-one.pem'], 'TLS needs two files'],
    [['--redis', 'http://x'], 'must start with redis://'],
    [['--key', 'a:boss'], 'with the role user or agent'],
  ])('refuses %j and writes nothing', async (words, message) => {
    const ran = await cli(['init', folder, '--yes', ...words])
    expect(ran).toMatchObject({ code: 2, out: '' })
    expect(ran.err).toContain(message)
    expect(readdirSync(folder)).toEqual([])
  })

  it('writes nothing if stdin ends before the last answer', async () => {
    const ran = await cli(['init', folder], 'http://127.0.0.1:1\n')
    expect(ran).toMatchObject({ code: 2, out: '' })
    expect(readdirSync(folder)).toEqual([])
  })

  it('serves TLS to other machines if it has a certificate', async () => {
    const authority = createAuthority()
    const { certFile, keyFile } = authority.issue({ names: 'DNS:gate.example.org' })
    const { code, err } = await cli(['init', folder, '--yes', '--tls', `${certFile},${keyFile}`])
    authority.close()
    expect(code).toBe(0)
    expect(err).not.toContain('gate-plain-http')
    expect(read('torwart.yaml')).toContain('address: 0.0.0.0:8443')
    expect(read('torwart.yaml')).toContain(certFile)
  })

  it('bounds and restricts its unit as the shipped one', async () => {
    await cli(['init', folder, '--yes', '--service', 'systemd'])
    const made = readFileSync(join(folder, 'torwart.service'), 'utf8').split('\n')
    const [, shipped = ''] = readFileSync('deploy/systemd/torwart.service', 'utf8').split('# Bounds\n')
    const wanted =
      shipped
        .split('[Install]')[0]
        ?.split('\n')
        .filter((line) => /^[A-Z]/.test(line)) ?? []
    expect(wanted.length).toBeGreaterThan(25)
    expect(wanted.filter((line) => !made.includes(line))).toEqual([])
  })

  it('writes a unit that systemd accepts, as the user who ran it', async () => {
    const { code } = await cli(['init', folder, '--yes', '--service', 'systemd'])
    expect(code).toBe(0)
    const unit = read('torwart.service')
    expect(unit).toContain('User=tester\n')
    expect(unit).toContain(`ReadWritePaths="${folder}/keys" "${folder}/audit"\n`)
    const verified = spawnSync('systemd-analyze', ['verify', '--man=no', join(folder, 'torwart.service')])
    // Without systemd there is nobody to ask.
    expect(verified.status ?? 0, String(verified.stderr)).toBe(0)
    expect(unit).toMatch(
      /^ExecStart=".*node" ".*main\.js" serve -c ".*torwart\.yaml" --pid-file \/run\/torwart\/torwart\.pid$/m,
    )
  })

  it('writes a Compose file in which only the gateway is published, on loopback', async () => {
    const { code } = await cli([
      'init',
      folder,
      '--yes',
      '--service',
      'compose',
      '--redis',
      'redis://redis:6379',
    ])
    expect(code).toBe(0)
    const { services, networks } = parse(read('docker-compose.yml'), { merge: true }) as {
      services: Record<string, Record<string, unknown>>
      networks: unknown
    }
    expect(Object.keys(services)).toEqual(['gate', 'ollama', 'redis'])
    expect(Object.values(services).map(({ ports }) => ports)).toEqual([
      ['127.0.0.1:8080:8080'],
      undefined,
      undefined,
    ])
    for (const service of Object.values(services))
      expect(service).toMatchObject({
        read_only: true,
        cap_drop: ['ALL'],
        security_opt: ['no-new-privileges:true'],
      })
    expect(networks).toMatchObject({ inside: { internal: true } })
    expect(policyOf().policy.upstreams).toMatchObject([{ origin: 'http://ollama:11434', kind: 'ollama' }])
  })
})
