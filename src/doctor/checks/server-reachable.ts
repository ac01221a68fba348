/** A model server that answers on another address than loopback can be reached past the gateway. */
import type { Check } from '../facts.ts'
import { bindFix } from './bind-fix.ts'

/** Judges at which addresses of this host the model servers answer. */
export const serverReachable: Check = ({ servers }) =>
  servers
    .filter(({ reachableAt }) => reachableAt.length > 0)
    .map((server) => ({
      id: 'model-server-reachable',
      severity: 'critical',
      what: `The model server ${server.upstream.name} answers at ${server.reachableAt.join(', ')}, port ${server.port}, past the gateway.`,
      why: 'Unless a firewall filters what comes from other hosts, they use it without key, limits, guards or audit log.',
      fix: `${bindFix(server)} If it must listen there, let only the gateway through: \`nft add rule inet filter input tcp dport ${server.port} drop\` after a rule for the gateway.`,
    }))
