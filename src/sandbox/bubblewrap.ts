/** Confines with bubblewrap (0.8 or newer): new namespaces of everything, no network, the programs of the host read-only. */
import { environment, maxMemory, maxOpenFiles, maxProcesses, maxScratch, nobody } from './bounds.ts'
import type { Confinement, Folders } from './confinement.ts'

/** What programs need of the host beside `/usr`. */
const system = ['/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32']
const settings = ['/etc/ld.so.cache', '/etc/alternatives', '/etc/localtime', '/etc/ssl/certs']

/**
 * Confines with bubblewrap.
 * @param isRoot whether the caller is root, whose user is then changed for real, not only under another name: otherwise
 * files of root could be read, and the kernel would not count processes
 */
export function bubblewrap(folders: Folders, filter: Uint8Array, isRoot: boolean): Confinement {
  const before = isRoot ? asNobody : []
  const confined = [...before, 'bwrap', ...options(folders), '--', ...limits]
  return { name: 'bubblewrap', words: (command) => [...confined, ...command], filter, boundsMemory: false }
}

const asNobody: readonly string[] = [
  'setpriv',
  ...[`--reuid=${nobody}`, `--regid=${nobody}`, '--clear-groups'],
  ...['--inh-caps=-all', '--bounding-set=-all', '--no-new-privs', '--'],
]

/** Set inside: the kernel then counts the processes of this sandbox alone (Linux 5.14 or newer), not all of the user. */
const limits: readonly string[] = [
  'prlimit',
  ...[`--as=${maxMemory}`, `--nproc=${maxProcesses}`, `--nofile=${maxOpenFiles}`, '--core=0', '--'],
]

function options(folders: Folders): string[] {
  const { read, write } = folders
  return [
    ...['--unshare-user', '--unshare-ipc', '--unshare-pid', '--unshare-net', '--unshare-uts'],
    ...['--unshare-cgroup-try', '--disable-userns', '--die-with-parent', '--new-session'],
    ...['--uid', `${nobody}`, '--gid', `${nobody}`, '--cap-drop', 'ALL', '--hostname', 'sandbox'],
    ...['--clearenv', ...Object.entries(environment).flatMap(([name, value]) => ['--setenv', name, value])],
    ...['--ro-bind', '/usr', '/usr'],
    ...[...system, ...settings].flatMap((path) => ['--ro-bind-try', path, path]),
    ...['--proc', '/proc', '--dev', '/dev', '--remount-ro', '/dev'],
    ...['/dev/shm', '/tmp'].flatMap((path) => ['--size', `${maxScratch}`, '--tmpfs', path]),
    ...mounts(folders),
    ...['--remount-ro', '/', '--chdir', write[0] ?? read[0] ?? '/tmp'],
    // Read from this descriptor and closed before the command starts.
    ...['--seccomp', '3'],
  ]
}

/** Outer folders first: a mount hides what was mounted below it, so a folder to be read would be written. */
function mounts({ read, write }: Folders): string[] {
  const all = [
    ...read.map((path) => ({ how: '--ro-bind', path })),
    ...write.map((path) => ({ how: '--bind', path })),
  ]
  return all.sort((a, b) => a.path.length - b.path.length).flatMap(({ how, path }) => [how, path, path])
}
