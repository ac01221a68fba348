/** Taking an address to listen on, or saying in a sentence why it is not to be had. */
import { type AddressInfo, createServer } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { bindProblem, urlOf } from '../policy/address.ts'
import type { Address } from '../policy/policy.ts'

/** Both listeners have the same words in the policy and on the command line. */
export type Listener = 'listen' | 'admin'

const remedyOf = (listener: Listener) => `\`${listener}.address\` in the policy, or --${listener}`

/**
 * Whether the address can be had, tried before anything is written that tells of a start. Whoever takes it in the next
 * moment is met by `listenOn`.
 */
export async function requireFree({ host, port }: Address, listener: Listener): Promise<void> {
  const server = createServer()
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen({ host, port }, resolve)
    })
  } catch (error) {
    throw bindProblem(error, { host, port }, remedyOf(listener))
  }
  await new Promise((resolve) => server.close(resolve))
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
    throw bindProblem(error, { host, port }, remedyOf(listener))
  }
  const { port: actual } = app.server.address() as AddressInfo
  return urlOf(scheme, { host, port: actual })
}
