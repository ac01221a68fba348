/**
 * Runs programs as a systemd unit says, without systemd: its user, its system calls, its view of the file system and its
 * credentials, by bubblewrap. Its bounds on memory and tasks need control groups, which are not made here.
 */
import { execFileSync, spawn } from 'node:child_process'
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Confined, type Mount, nobody } from './confined.ts'
import { seccompOf } from './seccomp.ts'

const root = new URL('../../', import.meta.url).pathname
const isRoot = process.getuid?.() === 0

/** The directives of a unit, or of an override. */
export interface Unit {
  /** The values of a directive, in order. */
  all(name: string): readonly string[]
}

/** Reads a unit below `deploy/systemd/`. */
export function readUnit(name: string): Unit {
  const lines = readFileSync(`${root}deploy/systemd/${name}`, 'utf8').split('\n')
  const settings = lines.flatMap((line) => {
    const [, key = '', value = ''] = /^(\w+)=(.*)$/.exec(line) ?? []
    return key === '' ? [] : [{ key, value }]
  })
  return { all: (name) => settings.filter(({ key }) => key === name).map(({ value }) => value) }
}

/** The words of a command line of a unit, with this process's Node. */
export function commandOf(line: string): readonly string[] {
  return line.replace(/^\/usr\/bin\/node /, '').split(' ')
}

/** What systemd shows with ProtectSystem=strict, ProtectHome, PrivateTmp, PrivateDevices and ProcSubset=pid. */
function view(mounts: readonly Mount[]): string[] {
  const system = [
    '/usr',
    '/lib',
    '/lib64',
    '/bin',
    '/etc/ssl',
    '/etc/hosts',
    '/etc/resolv.conf',
    '/etc/passwd',
  ]
  const program = ['node_modules', 'dist', 'package.json', 'config', 'deploy'].map((name) => ({
    from: root + name,
    to: `/opt/torwart/${name}`,
  }))
  const hidden = ['/proc/meminfo', '/proc/cpuinfo', '/proc/stat', '/proc/uptime', '/proc/loadavg']
  return [
    ...[
      '/etc',
      '/opt',
      '/opt/torwart',
      '/var',
      '/var/lib',
      '/var/lib/torwart',
      '/var/log',
      '/run',
      '/run/credentials',
    ].flatMap((path) => ['--perms', '0755', '--dir', path]),
    ...system.filter(existsSync).flatMap((path) => ['--ro-bind', path, path]),
    ...['--proc', '/proc', '--dev', '/dev', '--tmpfs', '/tmp'],
    ...hidden.flatMap((path) => ['--ro-bind', '/dev/null', path]),
    ...[{ from: process.execPath, to: '/run/node' }, ...program].flatMap(({ from, to }) => [
      '--ro-bind',
      from,
      to,
    ]),
    ...mounts.flatMap(({ from, to, writable }) => [writable ? '--bind' : '--ro-bind', from, to]),
    ...['--remount-ro', '/'],
  ]
}

/** Makes runs of a unit's commands. @param mounts its state and its configuration */
export function confiningUnit(unit: Unit, mounts: readonly Mount[]) {
  const folder = mkdtempSync(join(tmpdir(), 'torwart-unit-'))
  writeFileSync(join(folder, 'seccomp'), seccompOf(unit))
  const user = isRoot ? ['setpriv', `--reuid=${nobody}`, `--regid=${nobody}`, '--clear-groups', '--'] : []
  // PrivateUsers: only its own user is mapped, and no capability reaches beyond.
  const start = ['bwrap', '--json-status-fd', '3', '--seccomp', '4', '--unshare-user', '--unshare-ipc']
  const words = (command: readonly string[]) => [
    ...[
      ...user,
      ...start,
      '--uid',
      `${nobody}`,
      '--gid',
      `${nobody}`,
      '--die-with-parent',
      '--cap-drop',
      'ALL',
    ],
    ...view(mounts),
    ...['--chdir', '/var/lib/torwart', '--clearenv', '--setenv', 'NODE_ENV', 'production'],
    ...['--', '/run/node', ...command],
  ]
  return {
    /** @returns what it wrote to stdout. @throws if it fails */
    runSync(command: readonly string[]): string {
      const [program = '', ...rest] = words(command)
      const filter = openSync(join(folder, 'seccomp'), 'r')
      try {
        const stdio = ['ignore', 'pipe', 'pipe', 'pipe', filter] as const
        return execFileSync(program, rest, {
          encoding: 'utf8',
          stdio: [...stdio],
          timeout: 20_000,
          killSignal: 'SIGKILL',
        })
      } finally {
        closeSync(filter)
      }
    },
    run(command: readonly string[]): Confined {
      const [program = '', ...rest] = words(command)
      const filter = openSync(join(folder, 'seccomp'), 'r')
      const child = spawn(program, rest, { stdio: ['ignore', 'pipe', 'inherit', 'pipe', filter] })
      closeSync(filter)
      let output = ''
      let status = ''
      child.stdio[1]?.on('data', (piece: Buffer) => {
        output += piece.toString()
      })
      child.stdio[3]?.on('data', (piece: Buffer) => {
        status += piece.toString()
      })
      return {
        output: () => output,
        kill: (signal) => process.kill(Number(/"child-pid": (\d+)/.exec(status)?.[1]), signal),
        ended: new Promise((resolve) => child.on('exit', resolve)),
      }
    },
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  }
}

/** Whether this machine has what a unit is checked with, and lets its users make namespaces. */
export const canConfineUnit = (() => {
  try {
    execFileSync('systemd-analyze', ['--version'], { stdio: 'ignore' })
    using unit = confiningUnit(readUnit('torwart.service'), [])
    unit.runSync(['-e', ''])
    return true
  } catch {
    return false
  }
})()
