/** `torwart sandbox` with real bubblewrap: ways out that are tried from inside, and bounds. */
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import type { AddressInfo } from 'node:net'
import { createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { cli } from '../rig/cli.ts'
import { canConfine, giveAway } from '../rig/confined.ts'

const program = new URL('../../dist/main.js', import.meta.url).pathname
const escapes = readFileSync(new URL('../fixtures/escapes.pl', import.meta.url), 'utf8')
const home = mkdtempSync('/var/tmp/torwart-sandbox-')
const read = join(home, 'read')
const write = join(home, 'write')
const secret = join(home, 'secret')
const servers: Server[] = []
const abstract = `torwart-test-${process.pid}`
let port = 0

async function listen(at: string | number): Promise<Server> {
  const server = createServer((socket) => socket.destroy())
  servers.push(server)
  await new Promise<void>((resolve) => {
    if (typeof at === 'string') server.listen(at, resolve)
    else server.listen(at, '127.0.0.1', resolve)
  })
  return server
}

beforeAll(async () => {
  chmodSync(home, 0o755)
  for (const folder of [read, write]) mkdirSync(folder, { mode: 0o755 })
  giveAway(write)
  writeFileSync(secret, 'secret', { mode: 0o644 })
  symlinkSync(secret, join(read, 'link'))
  copyFileSync('/usr/bin/id', join(read, 'setuid-id'))
  chmodSync(join(read, 'setuid-id'), 0o4755)
  port = ((await listen(0)).address() as AddressInfo).port
  await listen(`\0${abstract}`)
})
afterAll(() => {
  for (const server of servers) server.close()
  rmSync(home, { recursive: true })
})

/** Whether a process of this machine has a word in its command line. */
function isRunning(word: string): boolean {
  return readdirSync('/proc').some((entry) => {
    try {
      return /^\d+$/.test(entry) && readFileSync(`/proc/${entry}/cmdline`, 'utf8').includes(word)
    } catch {
      return false
    }
  })
}

describe.skipIf(!canConfine)('a confined command', () => {
  it('finds no way out, and works where it may', async () => {
    const options = ['--allow-read', read, '--allow-write', write]
    const words = [process.pid, port, abstract, read, write, secret].map(String)
    const { code, out, err } = await cli(['sandbox', ...options, '--', 'perl', '-e', escapes, ...words])
    expect(err).toMatch(/^sandbox: bubblewrap, exit code 0, \d+ ms\n$/)
    expect(out).toMatch(/^tried [3-9]\d\d\n$/)
    expect(code).toBe(0)
    expect(readFileSync(join(write, 'result'), 'utf8')).toBe('written\n')
  })

  it('inherits no open file of whoever starts it', () => {
    // Node itself closes those up to the first gap above 15.
    const script = 'exec 7< "$1" 40< "$1"; shift; exec "$@"'
    const listed = ['perl', '-e', 'print readlink("/proc/self/fd/$_") // "" for 3 .. 60']
    const words = [process.execPath, program, 'sandbox', '--', ...listed]
    const out = execFileSync('bash', ['-c', script, 'bash', secret, ...words], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    expect(out).toBe('/dev/null')
  })

  it('is confined for a user who is not root and has no name', () => {
    const user = ['--user', '--map-user=4321', '--map-group=4321', '--']
    const words = [...user, process.execPath, program, 'sandbox', '--', 'id', '-u']
    const out = execFileSync('unshare', words, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
    expect(out).toBe('65534\n')
  })

  it('gets its input, its exit code and its errors through', async () => {
    const script = 'cat; echo problem >&2; exit 7'
    const { code, out, err } = await cli(['sandbox', '--', 'sh', '-c', script], 'Grüße\n')
    expect({ code, out }).toEqual({ code: 7, out: 'Grüße\n' })
    expect(err).toMatch(/^problem\nsandbox: bubblewrap, exit code 7/)
  })

  it('is bounded in processes, and none outlives it: not as a fork bomb, a zombie or a daemon', async () => {
    const mark = `torwart-bomb-${process.pid}`
    const bomb = `use POSIX; $0 = "${mark}"; my $n = 1; while (defined(my $pid = fork)) { if (!$pid) { POSIX::setsid(); exit if $n % 2; sleep 60 } $n++ } print $n`
    const { code, out } = await cli(['sandbox', '--', 'perl', '-e', bomb, mark])
    expect(code).toBe(0)
    expect(Number(out)).toBeGreaterThan(20)
    expect(Number(out)).toBeLessThanOrEqual(100)
    expect(isRunning(mark)).toBe(false)
  })

  it('is stopped at its time, whatever it ignores', async () => {
    const mark = `torwart-late-${process.pid}`
    const late = '$SIG{TERM} = $SIG{HUP} = $SIG{INT} = "IGNORE"; fork; sleep 60 while 1'
    const { code, err } = await cli(['sandbox', '--timeout', '400ms', '--', 'perl', '-e', late, mark])
    expect(code).toBe(124)
    expect(err).toContain('took longer than 400ms')
    expect(isRunning(mark)).toBe(false)
  })

  it('is stopped when it writes too much, or is given too much', async () => {
    const much = await cli(['sandbox', '--', 'yes'])
    expect({ code: much.code, length: much.out.length }).toEqual({ code: 125, length: 1024 ** 2 })
    expect(much.err).toContain('output is over 1MiB and was cut')
    const given = await cli(['sandbox', '--', 'sleep', '60'], 'x'.repeat(1024 ** 2 + 1))
    expect(given.code).toBe(125)
    expect(given.err).toContain('standard input is over 1MiB')
  })

  it('gets no more memory than its bound', async () => {
    const { code } = await cli(['sandbox', '--', 'perl', '-e', '$x = "x" x (600 << 20); print "got it"'])
    expect(code).not.toBe(0)
  })
})

describe('torwart sandbox', () => {
  it.each([
    [['--allow-host', 'example.com:443'], 2, '--allow-host is not possible yet'],
    [['--json'], 2, 'its profile the command'],
    [['--tool', ''], 2, '--tool needs a name'],
    [['--timeout', '2h'], 2, '--timeout must be'],
    [['--timeout', '0s'], 2, '--timeout must be'],
    [['--allow-read', '/'], 125, '/ is not given to commands'],
    [['--allow-read', '/proc/self'], 125, 'symbolic link'],
    [['--allow-read', '/dev/shm'], 125, '/dev/shm is not given to commands: /dev'],
    [['--allow-write', '/etc'], 125, '/etc is not given to commands: /etc'],
    [['--allow-read', '/no/such'], 125, '/no/such is not a folder'],
  ])('refuses %j', async (options, expected, said) => {
    const { code, out, err } = await cli(['sandbox', ...options, '--', 'echo', 'ran'])
    expect({ code, out }).toEqual({ code: expected, out: '' })
    expect(err).toContain(said)
  })

  it('gives no folder that holds keys, audit log, policy or secrets of the gateway', async () => {
    const policy = join(home, 'policies', 'torwart.yaml')
    mkdirSync(join(home, 'policies', 'apart'), { recursive: true })
    writeFileSync(join(home, 'policies', 'apart', 'token'), 'token')
    for (const name of ['keys', 'log']) mkdirSync(join(home, name, 'deeper'), { recursive: true })
    writeFileSync(
      policy,
      `version: 1\nupstreams: [{ name: local, url: http://127.0.0.1:11434, kind: ollama }]\nkeys: { file: ../keys/keys.yaml }\naudit: { file: ../log/audit.jsonl }\nadmin: { token: "\${file:apart/token}" }\n`,
    )
    for (const folder of ['', 'keys', 'log', 'log/deeper', 'policies', 'policies/apart']) {
      const words = ['sandbox', '-c', policy, '--allow-read', join(home, folder), '--', 'true']
      const { code, err } = await cli(words)
      expect({ folder, code }).toEqual({ folder, code: 125 })
      expect(err).toContain('keys, audit log or policy of the gateway')
    }
  })
})
