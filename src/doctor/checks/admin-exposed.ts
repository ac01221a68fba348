/** An admin listener that other machines reach. */
import { isLoopback } from '../../policy/address.ts'
import type { Check } from '../facts.ts'

const id = 'admin-exposed'

/** Judges who reaches the admin listener, by the policy and by what listens on its port. */
export const adminExposed: Check = ({ policy: { admin }, listeners, inContainer }) => {
  const seen =
    'value' in listeners
      ? listeners.value.filter(({ host, port }) => port === admin.port && port !== 0 && !isLoopback(host))
      : []
  const hosts = [...new Set([...(admin.loopback ? [] : [admin.host]), ...seen.map(({ host }) => host)])]
  if (hosts.length === 0) return 'why' in listeners ? [{ id, why: listeners.why }] : []
  if (inContainer)
    return [{ id, why: 'whether the host of this container publishes the admin port cannot be seen here' }]
  return [
    {
      id,
      severity: 'medium',
      what: `The admin listener is on ${hosts.join(', ')}, port ${admin.port}.`,
      why: 'It serves freezes, approvals, the console and metrics over plain HTTP: who is on the way reads the admin token.',
      fix: 'Set `admin.address: 127.0.0.1:9464`, without `--admin` on the command line; reach it through SSH or a TLS proxy.',
    },
  ]
}
