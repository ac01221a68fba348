/** A model server that listens beyond loopback can be used without key, limit or record. */
import { isLoopback } from '../../policy/address.ts'
import type { Check } from '../facts.ts'
import type { Outcome } from '../finding.ts'
import { bindFix } from './bind-fix.ts'

const id = 'model-server-listens'

/** Judges at which addresses the model servers of this host listen. */
export const serverListens: Check = ({ servers, listeners }) =>
  servers.flatMap((server): Outcome[] => {
    const { upstream, port, isHere } = server
    if (!isHere) return [{ id, why: `${upstream.name} is on another host; run \`doctor\` there` }]
    // Who reaches a Unix socket is told by its file.
    if (upstream.socketPath !== undefined) return []
    if ('why' in listeners) return [{ id, why: listeners.why }]
    const there = listeners.value.filter((each) => each.port === port)
    if (there.length === 0) return [{ id, why: `${upstream.name}: nothing listens on port ${port}` }]
    const open = there.filter(({ host }) => !isLoopback(host))
    if (open.length === 0) return []
    const hosts = [...new Set(open.map(({ host }) => host))].join(', ')
    return [
      {
        id,
        severity: 'high',
        what: `The model server ${upstream.name} listens on ${hosts}, port ${port}.`,
        why: 'Who reaches that port uses the models without key, limits, guards or audit log, and on Ollama can pull, delete and push models.',
        fix: bindFix(server),
      },
    ]
  })
