/** Taking an address to listen on, or saying in a sentence why it is not to be had. */
import { type AddressInfo, createServer, type Server } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { bindProblem, urlOf } from '../../policy/address.ts'
import type { Address } from '../../policy/policy.ts'

/** Both listeners have the same words in the policy and on the command line. */
type Listener = 'listen' | 'admin'

const settingFor = (listener: Listener) => `\`${listener}.address\` in the policy, or --${listener}`

/**
 * Whether both addresses can be had, tried before anything is written that tells of a start. Whoever takes one in the
 * next moment is met by `listenOn`.
 */
export async function requireFreeAddresses(addresses: Readonly<Record<Listener, Address>>): Promise<void> {
  const held: Server[] = []
  try {
    for (const listener of ['listen', 'admin'] as const) held.push(await bind(addresses[listener], listener))
  } finally {
    await Promise.all(held.map((server) => new Promise((resolve) => server.close(resolve))))
  }
}

async function bind({ host, port }: Address, listener: Listener): Promise<Server> {
  const server = createServer()
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen({ host, port }, resolve)
    })
    return server
  } catch (error) {
    throw bindProblem(error, { host, port }, settingFor(listener))
  }
}

/** @returns its URL */
export async function listenOn(
  app: FastifyInstance,
  { host, port }: Address,
  listener: Listener,
  scheme: string,
): Promise<string> {
  try {
    await app.listen({ host, port })
  } catch (error) {
    throw bindProblem(error, { host, port }, settingFor(listener))
  }
  const { port: actual } = app.server.address() as AddressInfo
  return urlOf(scheme, { host, port: actual })
}
