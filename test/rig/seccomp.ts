/**
 * Makes of a unit's `SystemCallFilter` and `RestrictAddressFamilies` the seccomp program that systemd would load, for
 * bubblewrap to load it. Needs systemd-analyze, for the sets, and scmp_sys_resolver (package seccomp), for the numbers.
 */
import { execFileSync } from 'node:child_process'
import type { Unit } from './unit.ts'

/** linux/audit.h */
const architectures: Readonly<Record<string, number>> = { x64: 0xc000003e, arm64: 0xc00000b7 }
/** bits/socket.h */
const families: Readonly<Record<string, number>> = { AF_UNIX: 1, AF_INET: 2, AF_INET6: 10, AF_NETLINK: 16 }
const eperm = 1
const eafnosupport = 97

/** linux/bpf_common.h and linux/seccomp.h; offsets are those of struct seccomp_data. */
const load = (offset: number) => instruction(0x20, offset)
const skipIf = (value: number, skipped: number) => instruction(0x15, value, skipped, 0)
const skipUnless = (value: number, skipped: number) => instruction(0x15, value, 0, skipped)
const allow = () => instruction(0x06, 0x7fff0000)
const fail = (errno: number) => instruction(0x06, 0x00050000 + errno)
const kill = () => instruction(0x06, 0x80000000)

/** One struct sock_filter. @param equal, unequal how many instructions a comparison skips */
function instruction(code: number, value: number, equal = 0, unequal = 0): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeUInt16LE(code, 0)
  bytes.writeUInt8(equal, 2)
  bytes.writeUInt8(unequal, 3)
  bytes.writeUInt32LE(value, 4)
  return bytes
}

/** The sets of system calls that systemd knows, with what they contain. */
function setsOfSystemd(): Map<string, string[]> {
  const sets = new Map<string, string[]>()
  let members: string[] = []
  for (const line of execFileSync('systemd-analyze', ['syscall-filter'], { encoding: 'utf8' }).split('\n')) {
    const word = line.trim()
    if (/^@\S+$/.test(line)) {
      members = []
      sets.set(line, members)
    } else if (/^@?\w[\w-]*$/.test(word)) members.push(word)
  }
  return sets
}

/** The names of the system calls that a unit may make. */
export function callsOf(unit: Unit): Set<string> {
  const sets = setsOfSystemd()
  const expand = (word: string): string[] =>
    word.startsWith('@') ? (sets.get(word) ?? []).flatMap(expand) : [word]
  const allowed = new Set<string>()
  for (const line of unit.all('SystemCallFilter')) {
    const isDenied = line.startsWith('~')
    for (const name of line.replace('~', '').split(' ').flatMap(expand))
      if (isDenied) allowed.delete(name)
      else allowed.add(name)
  }
  return allowed
}

/** The numbers on this machine; names of other machines have none. */
function numbersOf(names: readonly string[]): Map<string, number> {
  const script = 'for name; do scmp_sys_resolver "$name"; done'
  const told = execFileSync('sh', ['-c', script, 'sh', ...names], { encoding: 'utf8' })
    .trim()
    .split('\n')
  const numbers = names.map((name, index): [string, number] => [name, Number(told[index])])
  return new Map(numbers.filter(([, number]) => number >= 0))
}

/** The program, as `bwrap --seccomp` takes it. */
export function seccompOf(unit: Unit): Buffer {
  const numbers = numbersOf([...callsOf(unit)])
  const wanted = (unit.all('RestrictAddressFamilies')[0] ?? '').split(' ').map((name) => families[name] ?? -1)
  const socket = numbers.get('socket') ?? -1
  numbers.delete('socket')
  const sockets = [
    load(16),
    ...wanted.flatMap((family) => [skipUnless(family, 1), allow()]),
    fail(eafnosupport),
  ]
  return Buffer.concat([
    load(4),
    ...[skipIf(architectures[process.arch] ?? 0, 1), kill(), load(0)],
    ...[skipUnless(socket, sockets.length), ...sockets],
    ...[...numbers.values()].flatMap((number) => [skipUnless(number, 1), allow()]),
    fail(eperm),
  ])
}
