/**
 * Listening sockets that this process was started with. systemd passes those of its socket units (sd_listen_fds(3)), a
 * gateway that is upgraded passes its own to the one that takes over from it. Connections wait in the queue of such a
 * socket, in the kernel, whichever process accepts them: that is why none is lost from one process to the next.
 */
import type { Variables } from '../../policy/locate.ts'

/** Descriptors of listening sockets; undefined: this process opens its own. */
export interface InheritedSockets {
  readonly data?: number
  readonly admin?: number
}

/** Where a gateway that is upgraded, or a primary, tells the processes that it starts. */
export const socketsVariable = 'TORWART_SOCKETS'

const names = ['data', 'admin'] as const
/** As sd_listen_fds(3) defines it. */
const firstDescriptor = 3

/** Says which descriptor is which socket, for `socketsVariable`. */
export function socketsInWords(sockets: InheritedSockets): string {
  return names.flatMap((name) => (sockets[name] === undefined ? [] : [`${name}=${sockets[name]}`])).join(',')
}

/**
 * Finds the sockets of this process.
 * @param pid of this process: what systemd passed to its parent is not for it
 * @throws Error if a socket unit does not say which listener its socket is for
 */
export function inheritedSockets(variables: Variables, pid: number): InheritedSockets {
  const told = variables[socketsVariable]
  if (told !== undefined)
    return socketsOf(told.split(',').map((each) => each.split('=') as [string, string?]))
  if (variables.LISTEN_PID !== String(pid)) return {}
  const count = Number(variables.LISTEN_FDS)
  const given = variables.LISTEN_FDNAMES?.split(':') ?? []
  return socketsOf(
    Array.from({ length: Number.isSafeInteger(count) ? count : 0 }, (_, index) => [
      given[index] ?? '',
      String(firstDescriptor + index),
    ]),
  )
}

function socketsOf(pairs: readonly (readonly [name: string, descriptor?: string])[]): InheritedSockets {
  const found: { data?: number; admin?: number } = {}
  for (const [given, descriptor] of pairs) {
    const name = names.find((each) => each === given)
    if (name === undefined || found[name] !== undefined)
      throw new Error(
        `this process was started with a socket named "${given}": give each socket unit FileDescriptorName=data or FileDescriptorName=admin, and each name once`,
      )
    found[name] = Number(descriptor)
  }
  return found
}
