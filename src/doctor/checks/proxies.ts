/** A proxy before the gateway that the policy does not name. */
import { unixPeer } from '../../policy/networks.ts'
import type { Check } from '../facts.ts'

/** Says what cannot be seen: whether a proxy on this host forwards to the gateway. */
export const proxies: Check = ({ policy: { listen, door } }) => {
  const mayBeBehindOne =
    listen.loopback &&
    listen.tls === undefined &&
    !door.proxies.hold(listen.socketPath === undefined ? '127.0.0.1' : unixPeer)
  if (!mayBeBehindOne) return []
  const why =
    'whether a proxy on this host forwards to the gateway is not recorded; if one does, name its address (`unix` for a Unix socket) in `door.proxies`, or all its clients count as one'
  return [{ id: 'proxies', why }]
}
