/** Small things that must be one for all workers: failed logins, and which responses model servers have stored. */
import { answerTimeoutMs, type Channel, type Handlers } from './channel.ts'

/** Counts one failed login of a network. @returns milliseconds to wait; 0 while there were not too many */
export type CountFailure = (network: string) => Promise<number>

/** Makes what counts failed logins in a worker. */
export function createRemoteFailures(channel: Channel): CountFailure {
  return (network) => channel.ask<number>('logins.failed', [network], answerTimeoutMs)
}

/** What the primary answers about failed logins. */
export function serveFailures(count: CountFailure): Handlers {
  return { 'logins.failed': (network: string) => count(network) }
}

/** Who was given which stored response. */
export interface SharedResponses<At> {
  note(owner: string, id: string, at: At): void
  find(owner: string, id: string): At | undefined | Promise<At | undefined>
}

/** Makes the way of a worker to the stored responses of all workers. */
export function createRemoteResponses<At>(channel: Channel) {
  return {
    note: (owner: string, id: string, at: At) => channel.tell('responses.note', [owner, id, at]),
    find: async (owner: string, id: string) =>
      (await channel.ask<At | null>('responses.find', [owner, id], answerTimeoutMs)) ?? undefined,
  }
}

/** What the primary answers about stored responses. */
export function serveResponses<At>(responses: SharedResponses<At>): Handlers {
  return {
    'responses.note': (owner: string, id: string, at: At) => responses.note(owner, id, at),
    'responses.find': async (owner: string, id: string) => (await responses.find(owner, id)) ?? null,
  }
}
