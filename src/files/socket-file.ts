/** Files of Unix sockets: what is left of a program that is gone, and who may connect. */
import { chmodSync, chownSync, lstatSync, readFileSync, unlinkSync } from 'node:fs'
import { connect } from 'node:net'
import { errorCode } from '../core/error-code.ts'

/** How long a program may take to accept a connection on its own host. */
const withinMs = 1000

/** Who may connect to a socket. */
export interface SocketRights {
  /** Permission bits. */
  readonly mode: number
  /** Name or id of a group; undefined: that of the process. */
  readonly group: string | undefined
}

/**
 * Removes a socket on which nobody answers, as a program leaves it that was killed. Anything else stays.
 * @throws Error that says what is there
 */
export async function clearStaleSocket(path: string): Promise<void> {
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (found === undefined) return
  if (!found.isSocket())
    throw new Error(`${path} exists and is not a socket: remove it, or choose another path`)
  const answer = await tryToConnect(path)
  if (answer === 'ECONNREFUSED') unlinkSync(path)
  else if (answer !== 'ENOENT')
    throw new Error(`${path} is in use by another program: choose another path`, { cause: answer })
}

/** @returns what went wrong; empty: somebody answers */
function tryToConnect(path: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(path)
    const over = (code: string) => {
      clearTimeout(timer)
      socket.destroy()
      resolve(code)
    }
    const timer = setTimeout(over, withinMs, 'ETIMEDOUT')
    socket.once('connect', () => over(''))
    socket.once('error', (error) => over(errorCode(error)))
  })
}

/** Sets who may connect. @throws Error for a group that does not exist, or that may not be given */
export function setSocketRights(path: string, { mode, group }: SocketRights): void {
  if (group !== undefined) chownSync(path, -1, groupId(group))
  chmodSync(path, mode)
}

/** Finds the id of a group as group(5) lists them. @throws Error */
function groupId(group: string): number {
  if (/^\d{1,9}$/.test(group)) return Number(group)
  const line = readFileSync('/etc/group', 'utf8')
    .split('\n')
    .find((each) => each.startsWith(`${group}:`))
  const id = line?.split(':')[2]
  if (id === undefined) throw new Error(`there is no group ${group} on this host`)
  return Number(id)
}
