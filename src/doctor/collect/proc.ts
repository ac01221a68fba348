/** What Linux tells in `/proc`: listening sockets, and the process behind one. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { errorCode } from '../../core/error-code.ts'
import type { Listener, Looked } from '../facts.ts'

/** Processes whose sockets are looked at. */
const maxProcesses = 4096
const listening = '0A'

/** Reads the listening TCP sockets of this network namespace. */
export function readListeners(folder = '/proc/net'): Looked<readonly Listener[]> {
  try {
    const tables = [readFileSync(`${folder}/tcp`, 'utf8'), readIfThere(`${folder}/tcp6`)]
    return { value: tables.flatMap(listenersIn) }
  } catch (error) {
    return { why: `listening ports cannot be read from ${folder} (${errorCode(error)})` }
  }
}

/** Without IPv6 there is no second table. */
function readIfThere(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}

/** Reads one table (proc_pid_net(5)): addresses are words of 32 bits in the order of this machine. */
function listenersIn(table: string): Listener[] {
  return table
    .split('\n')
    .slice(1)
    .flatMap((line) => {
      const [, local = '', , state, , , , , , inode] = line.trim().split(/\s+/)
      const [address = '', port = ''] = local.split(':')
      if (state !== listening) return []
      return [{ host: addressIn(address), port: Number.parseInt(port, 16), inode: Number(inode) }]
    })
}

/** @param hex 8 digits (IPv4) or 32 (IPv6), little-endian */
function addressIn(hex: string): string {
  const bytes = (hex.match(/.{8}/g) ?? []).flatMap((word) =>
    (word.match(/../g) ?? []).toReversed().map((byte) => Number.parseInt(byte, 16)),
  )
  if (bytes.length === 4) return bytes.join('.')
  const isMapped = bytes.slice(0, 10).every((byte) => byte === 0) && bytes[10] === 255 && bytes[11] === 255
  if (isMapped) return bytes.slice(12).join('.')
  if (bytes.every((byte) => byte === 0)) return '::'
  if (bytes.slice(0, 15).every((byte) => byte === 0) && bytes[15] === 1) return '::1'
  const words = bytes.flatMap((byte, index) =>
    index % 2 === 0 ? [byte * 256 + (bytes[index + 1] ?? 0)] : [],
  )
  return words.map((word) => word.toString(16)).join(':')
}

/** Finds the process that has a socket open. @returns its id; undefined if it belongs to another user or is gone */
export function processOf(inode: number): number | undefined {
  const wanted = `socket:[${inode}]`
  const ids = namesIn('/proc').filter((name) => /^\d+$/.test(name))
  const found = ids.slice(0, maxProcesses).find((id) => {
    const folder = `/proc/${id}/fd`
    return namesIn(folder).some((name) => linkOf(`${folder}/${name}`) === wanted)
  })
  return found === undefined ? undefined : Number(found)
}

/** A process may end, or be someone else's, while it is looked at. */
function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(path)
  } catch {
    return undefined
  }
}

/** Reads the environment with which a process was started. */
export function readEnvironment(pid: number): Looked<Readonly<Record<string, string>>> {
  try {
    const pairs = readFileSync(`/proc/${pid}/environ`, 'utf8')
      .split('\0')
      .filter((pair) => pair.includes('='))
    return {
      value: Object.fromEntries(
        pairs.map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]),
      ),
    }
  } catch (error) {
    return { why: `its environment cannot be read (${errorCode(error)}); run \`doctor\` as its user or root` }
  }
}
