/** The systemd units: their exposure, and the program under what they forbid. */
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadPolicy } from '../../src/policy/load.ts'
import { listening } from '../rig/cli.ts'
import { giveAway, type Mount } from '../rig/confined.ts'
import { type ModelServer, startModelServer } from '../rig/model-server.ts'
import { callsOf } from '../rig/seccomp.ts'
import { canConfineUnit, commandOf, confiningUnit, readUnit } from '../rig/unit.ts'
import { until } from '../rig/wait.ts'

const root = new URL('../../', import.meta.url).pathname
const units = ['torwart.service', 'torwart-connect.service']
const sockets = ['torwart.socket', 'torwart-admin.socket']
const token = 'a-token-for-the-tests-of-the-unit'
const folder = mkdtempSync(join(tmpdir(), 'torwart-systemd-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const hasAnalyze = spawnSync('systemd-analyze', ['--version']).status === 0

describe.skipIf(!hasAnalyze)('systemd-analyze', () => {
  it.each(units)('finds in %s an exposure of 1.5 at most', (name) => {
    const words = ['security', '--offline=true', '--threshold=15', `${root}deploy/systemd/${name}`]
    const { status, stdout } = spawnSync('systemd-analyze', words, { encoding: 'utf8' })
    expect([status, stdout.trim().split('\n').at(-1)]).toEqual([0, expect.stringMatching(/ 1\.[0-5] OK/)])
  })

  it('understands every line of the units and of the override of Ollama', () => {
    const override = readFileSync(`${root}deploy/systemd/ollama.service.d/torwart.conf`, 'utf8')
    const own = [...units, ...sockets].map((name): [string, string] => [
      name,
      readFileSync(`${root}deploy/systemd/${name}`, 'utf8'),
    ])
    // Programs that are not on this machine are no fault of a unit.
    const texts = own.map(([name, text]) => [name, text.replaceAll('/usr/bin/node ', '/bin/true ')])
    for (const [name = '', text = ''] of [
      ...texts,
      ['ollama.service', '[Service]\nExecStart=/bin/true serve\n'],
    ])
      writeFileSync(join(folder, name), text)
    mkdirSync(join(folder, 'ollama.service.d'))
    writeFileSync(join(folder, 'ollama.service.d', 'torwart.conf'), override)
    const files = readdirSync(folder).filter((name) => /\.(service|socket)$/.test(name))
    const words = ['verify', '--man=no', ...files.map((name) => join(folder, name))]
    const { stdout, stderr } = spawnSync('systemd-analyze', words, { encoding: 'utf8' })
    const said = (stdout + stderr)
      .split('\n')
      .filter((line) => line.includes(folder) || line.includes('torwart'))
    expect(files).toHaveLength(5)
    expect(said).toEqual([])
  })
})

describe('the units', () => {
  it('give the gateway longer to stop than it may take, and its secrets as credentials', () => {
    const unit = readUnit('torwart.service')
    expect(Number(unit.all('TimeoutStopSec')[0])).toBeGreaterThan(35)
    expect(unit.all('LoadCredential')).toEqual(['admin-token:/etc/torwart/credentials/admin-token'])
  })

  it.each(units)('bound memory and tasks of %s, and start it again', (name) => {
    const unit = readUnit(name)
    for (const bound of ['MemoryMax', 'TasksMax', 'LimitNOFILE']) expect(unit.all(bound)).toHaveLength(1)
    expect(unit.all('Restart')).toEqual(['always'])
  })

  it('open each listener of the gateway where the shipped policy has it, under the name that it is known by', () => {
    const { policy } = loadPolicy(`${root}config/torwart.yaml`, {})
    const addresses = { data: policy.listen, admin: policy.admin }
    for (const name of sockets) {
      const unit = readUnit(name)
      const [listener] = unit.all('FileDescriptorName') as [keyof typeof addresses]
      const { host, port } = addresses[listener]
      expect(unit.all('ListenStream')).toEqual([`${host}:${port}`])
      expect(unit.all('Service')).toEqual(['torwart.service'])
    }
  })

  it('follow the gateway by the file that it writes into a folder of its own', () => {
    const unit = readUnit('torwart.service')
    const [file = ''] = unit.all('PIDFile')
    expect(unit.all('ExecStart')[0]).toContain(` --pid-file ${file}`)
    expect(file).toBe(`/run/${unit.all('RuntimeDirectory')[0]}/torwart.pid`)
  })

  it('bind Ollama to loopback, without cloud models and foreign pages', () => {
    expect(readUnit('ollama.service.d/torwart.conf').all('Environment')).toEqual([
      'OLLAMA_HOST=127.0.0.1:11434',
      'OLLAMA_NO_CLOUD=1',
      'OLLAMA_ORIGINS=',
    ])
  })
})

describe('wait-until-ready.mjs', () => {
  const script = `${root}deploy/systemd/wait-until-ready.mjs`
  /** @param ready, live the statuses that the admin listener answers with */
  async function waited(ready: number, live: number) {
    const server = createServer((request, response) => {
      response.writeHead(request.url === '/readyz' ? ready : live).end()
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    const child = spawn(process.execPath, [script, `http://127.0.0.1:${port}`, '0.2'])
    let err = ''
    child.stderr.on('data', (piece: Buffer) => {
      err += piece.toString()
    })
    const [code] = await once(child, 'close')
    server.close()
    return { code, err }
  }

  it.each([
    [200, 200, 0, ''],
    [503, 200, 0, 'is not ready'],
    [500, 500, 1, 'does not answer'],
  ])('after /readyz %i and /livez %i exits %i', async (ready, live, code, said) => {
    expect(await waited(ready, live)).toEqual({ code, err: expect.stringContaining(said) })
  })
})

describe.skipIf(!canConfineUnit)('torwart.service', () => {
  const unit = readUnit('torwart.service')
  let model: ModelServer
  let confined: ReturnType<typeof confiningUnit>
  beforeAll(async () => {
    model = await startModelServer()
    const at = (name: string) => {
      mkdirSync(join(folder, name))
      return join(folder, name)
    }
    const [state, log, run] = [at('state'), at('log'), at('run')] as const
    const [etc, credentials] = [at('etc'), at('credentials')] as const
    const policy = `version: 1
listen: { address: "127.0.0.1:0" }
admin: { address: "127.0.0.1:0", token: "\${file:/run/credentials/torwart.service/admin-token}" }
upstreams: [{ name: local, url: "${model.url}", kind: ollama }]
keys: { file: /var/lib/torwart/keys.yaml }
roles: { user: { routes: [chat], models: ["smollm2:135m"] } }
audit: { file: /var/log/torwart/audit.jsonl }
shutdown: { notice: 0s }
`
    writeFileSync(join(etc, 'torwart.yaml'), policy)
    writeFileSync(join(credentials, 'admin-token'), token)
    for (const path of [folder, state, log, run]) giveAway(path)
    const mounts: Mount[] = [
      { from: state, to: '/var/lib/torwart', writable: true },
      { from: log, to: '/var/log/torwart', writable: true },
      { from: run, to: '/run/torwart', writable: true },
      { from: etc, to: '/etc/torwart' },
      { from: credentials, to: '/run/credentials/torwart.service' },
    ]
    confined = confiningUnit(unit, mounts)
  })
  afterAll(async () => {
    confined[Symbol.dispose]()
    await model.close()
  })

  it('forbids system calls and sockets that a gateway does not need', () => {
    const probe = `
      const { openSync, writeFileSync } = require('node:fs')
      const code = (act) => { try { act(); return 'done' } catch (error) { return error.info?.code ?? error.code } }
      const tries = ['/opt/torwart/dist/x', '/etc/torwart/x', '/usr/x', '/x', '/run/x', '/var/lib/torwart/x', '/var/log/torwart/x']
      const wrote = tries.filter((path) => code(() => writeFileSync(path, '')) === 'done')
      const slower = code(() => require('node:os').setPriority(5))
      require('node:net').connect('/tmp/socket').on('error', (error) =>
        console.log(JSON.stringify({ wrote, slower, unix: error.code, uid: process.getuid() })))`
    expect(JSON.parse(confined.runSync(['-e', probe]))).toEqual({
      wrote: ['/var/lib/torwart/x', '/var/log/torwart/x'],
      slower: 'EPERM',
      unix: 'EAFNOSUPPORT',
      uid: 65534,
    })
    for (const name of ['mount', 'ptrace', 'bpf', 'setuid', 'init_module', 'reboot', 'chown'])
      expect([name, callsOf(unit).has(name)]).toEqual([name, false])
  })

  it('creates a key, is ready, serves, records, stops, and the log verifies', async () => {
    const program = '/opt/torwart/dist/main.js'
    const policy = ['-c', '/etc/torwart/torwart.yaml']
    const created = confined.runSync([
      program,
      'key',
      'create',
      '--name',
      'n',
      '--role',
      'user',
      '--json',
      ...policy,
    ])
    const { key } = JSON.parse(created) as { key: string }
    const gate = confined.run(commandOf(unit.all('ExecStart')[0] ?? ''))
    try {
      const { data, admin } = await until(() => listening(gate.output()))
      const [script = ''] = commandOf(unit.all('ExecStartPost')[0] ?? '')
      confined.runSync([script, admin])
      const answer = await fetch(`${data}/api/chat`, {
        method: 'POST',
        headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
        body: JSON.stringify({
          model: 'smollm2:135m',
          stream: false,
          messages: [{ role: 'user', content: 'hi' }],
        }),
      })
      expect(answer.status).toBe(200)
      const headers = { authorization: `Bearer ${token}` }
      expect((await fetch(`${admin}/admin/v1/keys`, { headers })).status).toBe(200)
    } finally {
      gate.kill('SIGTERM')
      expect(await gate.ended).toBe(0)
    }
    expect(confined.runSync([program, 'audit', 'verify', ...policy])).toMatch(/intact|records/)
  })
})

it.skipIf(!hasAnalyze)('knows a unit that is open for one', () => {
  writeFileSync(join(folder, 'open.service'), '[Service]\nExecStart=/bin/true\n')
  const words = ['security', '--offline=true', '--threshold=15', join(folder, 'open.service')]
  expect(() => execFileSync('systemd-analyze', words, { stdio: 'ignore' })).toThrow()
})
