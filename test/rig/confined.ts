/**
 * Runs the built program as its container does: the image's folders and nothing else, a read-only root, user
 * 65534, no capabilities, no way to new privileges. Needs bubblewrap; as root also setpriv, so that the user is
 * really another one and not only mapped.
 */
import { execFileSync, spawn } from 'node:child_process'
import { chownSync, existsSync } from 'node:fs'

const here = new URL('../../', import.meta.url).pathname
export const nobody = 65534
const isRoot = process.getuid?.() === 0

export interface Mount {
  readonly from: string
  readonly to: string
  readonly writable?: boolean
}

function words(command: readonly string[], mounts: readonly Mount[]): string[] {
  const system = ['/usr', '/lib', '/lib64', '/bin', '/etc'].filter(existsSync)
  const image = ['node_modules', 'dist', 'package.json', 'config'].map((name) => ({
    from: here + name,
    to: `/app/${name}`,
  }))
  const all: readonly Mount[] = [{ from: process.execPath, to: '/run/node' }, ...image, ...mounts]
  return [
    ...system.flatMap((path) => ['--ro-bind', path, path]),
    // What bwrap makes on its own on the way to a mount is its user's alone.
    ...['/app', '/srv', '/var', '/var/lib'].flatMap((path) => ['--perms', '0755', '--dir', path]),
    ...['--proc', '/proc', '--dev', '/dev', '--tmpfs', '/tmp', '--tmpfs', '/run'],
    ...all.flatMap(({ from, to, writable }) => [writable ? '--bind' : '--ro-bind', from, to]),
    ...['--remount-ro', '/run', '--chdir', '/app', '--unshare-ipc', '--die-with-parent'],
    ...['--clearenv', '--setenv', 'NODE_ENV', 'production'],
    ...(isRoot
      ? ['CAP_SETUID', 'CAP_SETGID', 'CAP_SETPCAP'].flatMap((capability) => ['--cap-add', capability])
      : ['--unshare-user', '--uid', `${nobody}`, '--gid', `${nobody}`]),
    ...['--remount-ro', '/', '--'],
    ...(isRoot
      ? ['setpriv', `--reuid=${nobody}`, `--regid=${nobody}`, '--clear-groups', '--bounding-set=-all']
      : []),
    ...(isRoot ? ['--inh-caps=-all', '--no-new-privs', '--'] : []),
    '/run/node',
    ...command,
  ]
}

/** @returns what it wrote to stdout. @throws if it fails */
export function confinedSync(command: readonly string[], mounts: readonly Mount[]): string {
  return execFileSync('bwrap', words(command, mounts), {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

export interface Confined {
  output(): string
  /** Signals the program, not what confines it. */
  kill(signal: NodeJS.Signals): void
  /** Resolves with the program's exit code. */
  readonly ended: Promise<number | null>
}

export function confined(command: readonly string[], mounts: readonly Mount[]): Confined {
  const child = spawn('bwrap', ['--json-status-fd', '3', ...words(command, mounts)], {
    stdio: ['ignore', 'pipe', 'inherit', 'pipe'],
  })
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
}

/** Makes a folder the confined user's own, as the compose file's helper does with the volume. */
export function giveAway(folder: string): void {
  if (isRoot) chownSync(folder, nobody, nobody)
}

/** Whether this machine can do it at all. */
export const canConfine = (() => {
  try {
    confinedSync(['-e', ''], [])
    return true
  } catch {
    return false
  }
})()
