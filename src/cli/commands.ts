/**
 * Lists every command: a new one is a file and an entry here. A command's file, and all that it imports, is loaded only
 * when the command is named: the gateway's modules take seconds of CPU, and `key list` needs none of them.
 */
import type { Command } from './command.ts'

export interface ListedCommand {
  /** `key create` is a command of a group. */
  readonly name: string
  readonly summary: string
  load(): Promise<Command>
}

export const commands: readonly ListedCommand[] = [
  {
    name: 'serve',
    summary: 'run the gateway',
    load: async () => (await import('./serve.ts')).serve,
  },
  {
    name: 'check',
    summary: 'validate the policy and tell every mistake',
    load: async () => (await import('./check.ts')).check,
  },
  {
    name: 'access',
    summary: 'list who may do what, the widest rights first',
    load: async () => (await import('./access.ts')).access,
  },
  {
    name: 'explain',
    summary: 'say why a request would be allowed or refused',
    load: async () => (await import('./explain.ts')).explain,
  },
  {
    name: 'connect',
    summary: 'forward from loopback to a gate, with a credential',
    load: async () => (await import('./connect.ts')).connect,
  },
  {
    name: 'schema',
    summary: 'print the JSON Schema of the policy file',
    load: async () => (await import('./schema.ts')).schema,
  },
  {
    name: 'key create',
    summary: 'create a key; it is printed once and not kept',
    load: async () => (await import('./key-create.ts')).keyCreate,
  },
  {
    name: 'key list',
    summary: 'list the keys',
    load: async () => (await import('./key-list.ts')).keyList,
  },
  {
    name: 'key rotate',
    summary: 'replace the secret of a key',
    load: async () => (await import('./key-rotate.ts')).keyRotate,
  },
  {
    name: 'key revoke',
    summary: 'refuse a key from now on, and every token made from it',
    load: async () => (await import('./key-status.ts')).keyRevoke,
  },
  {
    name: 'key disable',
    summary: 'refuse a key until it is enabled again, and every token made from it',
    load: async () => (await import('./key-status.ts')).keyDisable,
  },
  {
    name: 'key enable',
    summary: 'let a disabled key in again',
    load: async () => (await import('./key-status.ts')).keyEnable,
  },
  {
    name: 'token mint',
    summary: 'make a narrower, short-lived token from a key; it is printed once and not kept',
    load: async () => (await import('./token-mint.ts')).tokenMint,
  },
  {
    name: 'token revoke',
    summary: 'refuse a token from now on, and every token made from it',
    load: async () => (await import('./token-revoke.ts')).tokenRevoke,
  },
  {
    name: 'token rotate',
    summary: 'sign tokens with a new key from now on',
    load: async () => (await import('./token-rotate.ts')).tokenRotate,
  },
  {
    name: 'freeze',
    summary: 'stop a key, a role, a model or everything, at once',
    load: async () => (await import('./freeze-unfreeze.ts')).freeze,
  },
  {
    name: 'unfreeze',
    summary: 'let a key, a role, a model or everything go on',
    load: async () => (await import('./unfreeze.ts')).unfreeze,
  },
  {
    name: 'freezes',
    summary: 'list what is frozen',
    load: async () => (await import('./freezes.ts')).freezes,
  },
  {
    name: 'breaker close',
    summary: 'close the circuit breaker of a key by hand',
    load: async () => (await import('./breaker-close.ts')).breakerClose,
  },
  {
    name: 'approvals',
    summary: 'list tool calls that wait for a human',
    load: async () => (await import('./approvals.ts')).approvals,
  },
  {
    name: 'approve',
    summary: 'let a tool call pass that waits for a human',
    load: async () => (await import('./approve-deny.ts')).approve,
  },
  {
    name: 'deny',
    summary: 'refuse a tool call that waits for a human',
    load: async () => (await import('./deny.ts')).deny,
  },
  {
    name: 'scan',
    summary: 'scan a text for injection signatures; exit 3 if there are any',
    load: async () => (await import('./scan.ts')).scan,
  },
  {
    name: 'mask',
    summary: 'print a text with personal data and secrets masked',
    load: async () => (await import('./mask.ts')).mask,
  },
  {
    name: 'findings',
    summary: 'list what the prompt guard blocked and flagged, the most frequent first',
    load: async () => (await import('./findings.ts')).findings,
  },
  {
    name: 'allow',
    summary: 'accept a passage or a signature that the prompt guard blocks: an exception, on record',
    load: async () => (await import('./allow.ts')).allow,
  },
  {
    name: 'exceptions',
    summary: 'list the exceptions from the prompt guard, or remove one',
    load: async () => (await import('./exceptions.ts')).exceptions,
  },
  {
    name: 'audit verify',
    summary: 'check the hash chain of the audit log; exit 1 at the first bad record',
    load: async () => (await import('./audit-verify.ts')).auditVerify,
  },
  {
    name: 'audit show',
    summary: 'show records of the audit log',
    load: async () => (await import('./audit-show.ts')).auditShow,
  },
  {
    name: 'audit export',
    summary: 'export records of the audit log; CSV, CEF and ECS leave texts out',
    load: async () => (await import('./audit-export.ts')).auditExport,
  },
  {
    name: 'audit report',
    summary: 'report an incident: timeline, who, what was found, what was stopped and what was not',
    load: async () => (await import('./audit-report.ts')).auditReport,
  },
  {
    name: 'audit erase',
    summary: 'erase texts and addresses from records; that there were requests stays, and that this was done',
    load: async () => (await import('./audit-erase.ts')).auditErase,
  },
  {
    name: 'demo',
    summary: 'try the gate with a demonstration model server, nothing to install',
    load: async () => (await import('./demo.ts')).demo,
  },
]
