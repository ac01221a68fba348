/** Listens on an address, or explains why it cannot be had. */
import { createServer, isIP, type Server } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { clearStaleSocket, type SocketRights, setSocketRights } from '../../files/socket-file.ts'
import { authorityOf, bindProblem, urlOf } from '../../policy/address.ts'
import type { Address } from '../../policy/policy.ts'
import { boundAddress } from '../../wire/bound-address.ts'
import type { InheritedSockets } from '../sockets/inherited.ts'

/** The listeners, as the policy and the command line name them. */
type Listener = 'listen' | 'admin'

const settingFor = (listener: Listener) => `\`${listener}.address\` in the policy, or --${listener}`

/**
 * Checks that both addresses are free, before the start is recorded. If one is taken in the next moment, `listenOn` throws.
 * @param sockets that are open already
 * @throws Error that names the setting
 */
export async function requireFreeAddresses(
  addresses: Readonly<Record<Listener, Address>>,
  sockets: InheritedSockets = {},
): Promise<void> {
  const held: Server[] = []
  const isOpen = { listen: sockets.data !== undefined, admin: sockets.admin !== undefined }
  try {
    for (const listener of ['listen', 'admin'] as const)
      if (!isOpen[listener]) held.push(await bind(addresses[listener], listener))
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

/** Where to listen. */
export interface Listening {
  readonly address: Address & { readonly socket: SocketRights }
  readonly listener: Listener
  readonly scheme: string
  /** Descriptor of a socket that listens there already; undefined: one is opened. */
  readonly descriptor?: number | undefined
}

/**
 * Starts to listen.
 * @returns the URL
 * @throws Error that names the setting, if the address cannot be had or is not that of the given socket
 */
export async function listenOn(
  app: FastifyInstance,
  { address, listener, scheme, descriptor }: Listening,
): Promise<string> {
  if (descriptor !== undefined) return urlOf(scheme, await listenOnGiven(app, descriptor, address, listener))
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

type Place = Pick<Address, 'host' | 'port' | 'socketPath'>

async function listenOnGiven(
  app: FastifyInstance,
  fd: number,
  wanted: Place,
  listener: Listener,
): Promise<Place> {
  // Fastify would open a second socket for `localhost`.
  const options = { fd, host: '127.0.0.1' }
  await app.listen(options).catch((cause: unknown) => {
    throw new Error(`descriptor ${fd} is no listening socket for ${settingFor(listener)}`, { cause })
  })
  const given = givenPlace(app.server)
  // What the policy says of the address is what its warnings, `doctor` and the firewall go by.
  if (!isSame(given, wanted))
    throw new Error(
      `the socket that this process was given listens on ${authorityOf(given)}, but the policy says ${authorityOf(wanted)}: change ListenStream= of the socket unit or ${settingFor(listener)}`,
    )
  return given
}

function givenPlace(server: FastifyInstance['server']): Place {
  const address = server.address()
  if (typeof address === 'string') return { host: '', port: 0, socketPath: address }
  const { address: host, port } = boundAddress(server)
  return { host, port, socketPath: undefined }
}

function isSame(given: Place, wanted: Place): boolean {
  if (given.socketPath !== undefined || wanted.socketPath !== undefined)
    return given.socketPath === wanted.socketPath
  return (
    (wanted.port === 0 || wanted.port === given.port) &&
    (isIP(wanted.host) === 0 || wanted.host === given.host)
  )
}
