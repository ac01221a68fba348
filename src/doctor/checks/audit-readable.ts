/** An audit log that every user of the host may read. */
import type { Check } from '../facts.ts'
import type { Outcome } from '../finding.ts'
import { octal } from './file-permissions.ts'

const id = 'audit-log-readable'

/** Judges who may read the audit log and look into its folder. */
export const auditReadable: Check = ({ auditFiles }) =>
  auditFiles.flatMap(({ path, name, isFolder, mode }): Outcome[] => {
    if ('why' in mode) return [{ id, why: `${path}: ${mode.why}` }]
    const value = mode.value ?? 0
    if ((value & 0o007) === 0) return []
    return [
      {
        id,
        severity: value & 0o002 ? 'high' : isFolder ? 'low' : 'medium',
        what: `The ${name} ${path} has mode ${octal(value)}: every user may ${value & 0o002 ? 'write there' : 'read it'}.`,
        why: 'The log holds masked prompts and responses, and who asked what when.',
        fix: `chmod o= ${path}`,
      },
    ]
  })
