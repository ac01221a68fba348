/** A disk with too little room for the audit log, without which requests are refused. */
import type { Check } from '../facts.ts'

const id = 'disk'
const fewBytes = 5 * 1024 ** 3
const veryFewBytes = 200 * 1024 ** 2
const fewShare = 0.1

/** Judges the room on the disk of the audit log. */
export const disk: Check = ({ disk: room, policy: { audit } }) => {
  if ('why' in room) return [{ id, why: room.why }]
  const { free, total } = room.value
  const isVeryFull = free < veryFewBytes
  if (!isVeryFull && (free >= fewBytes || free >= total * fewShare)) return []
  return [
    {
      id,
      severity: isVeryFull ? 'high' : 'medium',
      what: `The disk of the audit log has ${Math.floor(free / 1024 ** 2)} MiB left, of ${Math.floor(total / 1024 ** 2)}.`,
      why: 'A request that cannot be recorded is refused.',
      fix: `Make room on the disk of ${audit.file}, move the log (\`audit.file\`), or shorten \`audit.retention\`.`,
    },
  ]
}
