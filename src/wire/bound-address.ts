/** The address that a server has got, where it was to choose a free port. */
import type { AddressInfo, Server } from 'node:net'

/** Returns the address of a listening server. @throws Error if it does not listen on TCP */
export function boundAddress(server: Pick<Server, 'address'>): AddressInfo {
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the server has no TCP address')
  return address
}
