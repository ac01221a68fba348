/** A model server that answers on another address than loopback can be reached past the gateway. */
import type { Check } from '../facts.ts'
import type { Outcome } from '../finding.ts'
import { bindFix } from './bind-fix.ts'

const id = 'model-server-reachable'

/** Judges at which addresses of this host the model servers answer. */
export const serverReachable: Check = ({ servers }) =>
  servers.flatMap((server): Outcome[] => {
    const { upstream, port, isHere, reachableAt } = server
    if (!isHere) return [{ id, why: `${upstream.name} is on another host; try from a third one` }]
    if (reachableAt.length === 0) return []
    return [
      {
        id,
        severity: 'critical',
        what: `The model server ${upstream.name} answers at ${reachableAt.join(', ')}, port ${port}, past the gateway.`,
        why: 'Unless a firewall filters what comes from other hosts, they use it without key, limits, guards or audit log.',
        fix: `${bindFix(server)} If it must listen there, let only the gateway through: \`nft add rule inet filter input tcp dport ${port} drop\` after a rule for the gateway.`,
      },
    ]
  })
