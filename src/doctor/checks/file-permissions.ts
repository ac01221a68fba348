/** Policy, keys and other secrets that more users may read or write than need to. */
import { dirname } from 'node:path'
import type { Check, FileFacts } from '../facts.ts'
import type { Finding, Outcome, Severity } from '../finding.ts'

const id = 'file-permissions'
const groupOrOthersWrite = 0o022

interface Rule {
  readonly forbidden: number
  readonly severity: Severity
  readonly why: string
  readonly fix: string
}

const writable: Pick<Rule, 'forbidden' | 'severity'> = { forbidden: groupOrOthersWrite, severity: 'critical' }

/** By the name that `collect/files.ts` gives. */
const rules: Readonly<Record<string, Rule>> = {
  policy: {
    ...writable,
    why: 'Whoever may write the policy decides who may use what; a change takes effect within seconds.',
    fix: 'chmod go-w',
  },
  'key folder': {
    ...writable,
    why: 'Whoever may write there replaces the key file with one of their own.',
    fix: 'chmod go-w',
  },
  'key file': {
    forbidden: 0o077,
    severity: 'high',
    why: 'It holds names, roles and hashes of all keys; whoever may write it makes keys.',
    fix: 'chmod 600',
  },
  'token signing key': {
    forbidden: 0o077,
    severity: 'critical',
    why: 'Whoever reads it signs capability tokens.',
    fix: 'chmod 600',
  },
  'signing key of the audit log': {
    forbidden: 0o077,
    severity: 'high',
    why: 'Whoever reads it can forge checkpoints of the audit log.',
    fix: 'chmod 600',
  },
  'signing key of model tests': {
    forbidden: 0o077,
    severity: 'high',
    why: 'Whoever reads it can sign results of model tests.',
    fix: 'chmod 600',
  },
  'private key of TLS': {
    forbidden: 0o037,
    severity: 'high',
    why: 'Whoever reads it can pose as this gateway.',
    fix: 'chmod 640',
  },
  'secret file': {
    forbidden: 0o037,
    severity: 'high',
    why: 'It holds a secret that the policy takes from it.',
    fix: 'chmod 640',
  },
}

/** Judges the permissions of files with secrets. */
export const filePermissions: Check = ({ secretFiles }) => secretFiles.flatMap(judge)

function judge({ path, name, mode }: FileFacts): Outcome[] {
  const rule = rules[name]
  if (rule === undefined) return []
  if ('why' in mode) return [{ id, why: `${path}: ${mode.why}` }]
  const open = (mode.value ?? 0) & rule.forbidden
  if (open === 0) return []
  const finding: Finding = {
    id,
    severity: open & groupOrOthersWrite ? 'critical' : rule.severity,
    what: `The ${name} ${path} has mode ${octal(mode.value ?? 0)}: ${open & 0o007 ? 'every user' : 'its group'} may ${open & groupOrOthersWrite ? 'change' : 'read'} it.`,
    why: rule.why,
    fix: `${rule.fix} ${name === 'key folder' ? dirname(`${path}/.`) : path}`,
  }
  return [finding]
}

/** A mode as `chmod` takes it. */
export function octal(mode: number): string {
  return (mode & 0o777).toString(8).padStart(3, '0')
}
