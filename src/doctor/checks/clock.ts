/** A clock that nothing sets. */
import type { Check } from '../facts.ts'

const id = 'clock'

/** Judges whether the clock is synchronised. */
export const clock: Check = ({ clock: synchronised }) => {
  if ('why' in synchronised) return [{ id, why: synchronised.why }]
  if (synchronised.value) return []
  return [
    {
      id,
      severity: 'medium',
      what: 'The clock of this host is not synchronised.',
      why: 'Expiry of keys and tokens, limits per day and the times of the audit log depend on it.',
      fix: '`timedatectl set-ntp true`, or install chrony.',
    },
  ]
}
