/** A Node that gets no security fixes any more. */
import type { Check } from '../facts.ts'
import { firstListedNode, nodeEndOfLife } from '../node-releases.ts'

const id = 'node-version'

/** Judges whether this version of Node is supported. */
export const nodeVersion: Check = ({ nodeVersion: version, nowMs }) => {
  if ('why' in version) return [{ id, why: version.why }]
  const major = Number.parseInt(version.value, 10)
  const end = nodeEndOfLife[major]
  const isOver = end === undefined ? major < firstListedNode : nowMs > Date.parse(`${end}T23:59:59Z`)
  if (end === undefined && !isOver)
    return [{ id, why: `until when Node ${major} gets fixes is not known to this version of Torwart` }]
  if (!isOver) return []
  return [
    {
      id,
      severity: 'medium',
      what: `Node ${version.value} gets no security fixes${end === undefined ? '' : ` since ${end}`}.`,
      why: 'TLS, HTTP and everything else of the gateway run on it.',
      fix: 'Install Node 24 and restart the gateway.',
    },
  ]
}
