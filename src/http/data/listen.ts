/** Listens on an address, or explains why it cannot be had. */
import { createServer, type Server } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { clearStaleSocket, type SocketRights, setSocketRights } from '../../files/socket-file.ts'
import { bindProblem, urlOf } from '../../policy/address.ts'
import type { Address } from '../../policy/policy.ts'
import { boundAddress } from '../../wire/bound-address.ts'

/** The listeners, as the policy and the command line name them. */
type Listener = 'listen' | 'admin'

const settingFor = (listener: Listener) => `\`${listener}.address\` in the policy, or --${listener}`

/**
 * Checks that both addresses are free, before the start is recorded. If one is taken in the next moment, `listenOn` throws.
 * @throws Error that names the setting
 */
export async function requireFreeAddresses(addresses: Readonly<Record<Listener, Address>>): Promise<void> {
  const held: Server[] = []
  try {
    for (const listener of ['listen', 'admin'] as const) held.push(await bind(addresses[listener], listener))
  } finally {
    await Promise.all(held.map((server) => new Promise((resolve) => server.close(resolve))))
  }
}

async function bind(address: Address, listener: Listener): Promise<Server> {
  const server = createServer()
  if (address.socketPath !== undefined) await clearStaleSocket(address.socketPath)
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(placeOf(address), resolve)
    })
    return server
  } catch (error) {
    throw bindProblem(error, address, settingFor(listener))
  }
}

function placeOf({ host, port, socketPath }: Address) {
  return socketPath === undefined ? { host, port } : { path: socketPath }
}

/** Starts to listen. @returns the URL @throws Error that names the setting, if the address cannot be had */
export async function listenOn(
  app: FastifyInstance,
  address: Address & { readonly socket: SocketRights },
  listener: Listener,
  scheme: string,
): Promise<string> {
  const { socketPath, socket } = address
  try {
    await app.listen(placeOf(address))
  } catch (error) {
    throw bindProblem(error, address, settingFor(listener))
  }
  if (socketPath === undefined) return urlOf(scheme, { ...address, port: boundAddress(app.server).port })
  setSocketRights(socketPath, socket)
  return urlOf(scheme, address)
}
