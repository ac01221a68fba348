/**
 * The list of commands. A new command is a file and an entry here. Its file is imported only when the command is run,
 * because the gateway's modules take most of a second of CPU to load, and `key list` needs none of them.
 */
import type { Command } from './command.ts'

/** A command as help lists it, before its module is loaded. */
export interface ListedCommand {
  /** One word, or two if the command belongs to a group: `key create`. */
  readonly name: string
  readonly summary: string
  load(): Promise<Command>
}

/** All commands, in the order of the help page. */
export const commands: readonly ListedCommand[] = [
  {
    name: 'serve',
    summary: 'run the gateway',
    load: async () => (await import('./serve.ts')).serve,
  },
  {
    name: 'init',
    summary: 'write a policy, a first key and a unit or Compose file for the answers to five questions',
    load: async () => (await import('./init.ts')).init,
  },
  {
    name: 'check',
    summary: 'validate the policy and report all errors',
    load: async () => (await import('./check.ts')).check,
  },
  {
    name: 'diff',
    summary: 'compare two policies in sentences; exit 1 if they differ',
    load: async () => (await import('./diff.ts')).diff,
  },
  {
    name: 'replay',
    summary: 'judge recorded requests by another policy',
    load: async () => (await import('./replay.ts')).replay,
  },
  {
    name: 'access',
    summary: 'list who may do what, broadest rights first',
    load: async () => (await import('./access.ts')).access,
  },
  {
    name: 'explain',
    summary: 'explain why a request would be allowed or refused',
    load: async () => (await import('./explain.ts')).explain,
  },
  {
    name: 'doctor',
    summary: 'examine this deployment; exit 1 if anything is unsafe',
    load: async () => (await import('./doctor.ts')).doctor,
  },
  {
    name: 'coverage',
    summary:
      'report how far the policy meets frameworks: OWASP, AI Act, GDPR, SOC 2, NIS2, CRA, ISO 42001, NIST',
    load: async () => (await import('./coverage.ts')).coverage,
  },
  {
    name: 'document',
    summary: 'print the technical documentation of this deployment (AI Act, article 11)',
    load: async () => (await import('./document.ts')).document,
  },
  {
    name: 'attack',
    summary: 'attack a private copy of this gateway; exit 1 if anything gets through',
    load: async () => (await import('./attack.ts')).attack,
  },
  {
    name: 'connect',
    summary: 'forward from loopback to a gateway and add a credential',
    load: async () => (await import('./connect.ts')).connect,
  },
  {
    name: 'schema',
    summary: 'print the JSON Schema of the policy file',
    load: async () => (await import('./schema.ts')).schema,
  },
  {
    name: 'key create',
    summary: 'create a key and print it once',
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
    summary: 'revoke a key and all tokens minted from it',
    load: async () => (await import('./key-status.ts')).keyRevoke,
  },
  {
    name: 'key disable',
    summary: 'disable a key and all tokens minted from it, until it is enabled again',
    load: async () => (await import('./key-status.ts')).keyDisable,
  },
  {
    name: 'key enable',
    summary: 'enable a disabled key again',
    load: async () => (await import('./key-status.ts')).keyEnable,
  },
  {
    name: 'token mint',
    summary: 'mint a narrower, short-lived token from a key and print it once',
    load: async () => (await import('./token-mint.ts')).tokenMint,
  },
  {
    name: 'token revoke',
    summary: 'revoke a token and all tokens minted from it',
    load: async () => (await import('./token-revoke.ts')).tokenRevoke,
  },
  {
    name: 'token rotate',
    summary: 'replace the key that signs tokens',
    load: async () => (await import('./token-rotate.ts')).tokenRotate,
  },
  {
    name: 'freeze',
    summary: 'stop a key, a role, a model or everything at once',
    load: async () => (await import('./freeze-unfreeze.ts')).freeze,
  },
  {
    name: 'unfreeze',
    summary: 'lift a freeze',
    load: async () => (await import('./freeze-unfreeze.ts')).unfreeze,
  },
  {
    name: 'freezes',
    summary: 'list the freezes in force',
    load: async () => (await import('./freezes.ts')).freezes,
  },
  {
    name: 'breaker close',
    summary: 'close the circuit breaker of a key',
    load: async () => (await import('./breaker-close.ts')).breakerClose,
  },
  {
    name: 'approvals',
    summary: 'list tool calls that wait for approval',
    load: async () => (await import('./approvals.ts')).approvals,
  },
  {
    name: 'approve',
    summary: 'approve a waiting tool call',
    load: async () => (await import('./approve-deny.ts')).approve,
  },
  {
    name: 'deny',
    summary: 'deny a waiting tool call',
    load: async () => (await import('./approve-deny.ts')).deny,
  },
  {
    name: 'scan',
    summary: 'scan a text for prompt injections; exit 3 if it has any',
    load: async () => (await import('./scan.ts')).scan,
  },
  {
    name: 'mask',
    summary: 'print a text with personal data and secrets masked',
    load: async () => (await import('./mask.ts')).mask,
  },
  {
    name: 'playground',
    summary: 'write a page that scans and masks texts in the browser and sends nothing',
    load: async () => (await import('./playground.ts')).playground,
  },
  {
    name: 'findings',
    summary: 'list what the prompt guard blocked, most frequent first; exits with 1 if anything was',
    load: async () => (await import('./findings.ts')).findings,
  },
  {
    name: 'anomalies',
    summary: 'list what keys and models do that they usually do not; exits with 1 if any of it goes on',
    load: async () => (await import('./anomalies.ts')).anomalies,
  },
  {
    name: 'allow',
    summary: 'accept a passage or a signature that the prompt guard blocks',
    load: async () => (await import('./allow.ts')).allow,
  },
  {
    name: 'exceptions',
    summary: 'list the exceptions from the prompt guard, or remove one',
    load: async () => (await import('./exceptions.ts')).exceptions,
  },
  {
    name: 'tools list',
    summary: 'list pinned tool definitions; exit 1 if one has changed',
    load: async () => (await import('./tools.ts')).toolsList,
  },
  {
    name: 'tools accept',
    summary: 'accept the changed definition of a tool',
    load: async () => (await import('./tools.ts')).toolsAccept,
  },
  {
    name: 'usage',
    summary: 'sum up requests, tokens and cost by key, role, model or day',
    load: async () => (await import('./usage.ts')).usage,
  },
  {
    name: 'models list',
    summary: 'list what the model servers serve, and whether it is the locked version',
    load: async () => (await import('./models/list.ts')).modelsList,
  },
  {
    name: 'models lock',
    summary: 'write the versions of models that are served now into the lock file',
    load: async () => (await import('./models/lock.ts')).modelsLock,
  },
  {
    name: 'models verify',
    summary: 'compare what is served with the lock file; exit 1 if anything differs',
    load: async () => (await import('./models/verify.ts')).modelsVerify,
  },
  {
    name: 'models diff',
    summary: 'show what is different between two models; NAME@lock is the locked version',
    load: async () => (await import('./models/diff.ts')).modelsDiff,
  },
  {
    name: 'models accept',
    summary: 'take a new version of a model into the lock file',
    load: async () => (await import('./models/accept.ts')).modelsAccept,
  },
  {
    name: 'models unlock',
    summary: 'take a model out of the lock file',
    load: async () => (await import('./models/unlock.ts')).modelsUnlock,
  },
  {
    name: 'models test',
    summary: 'put a suite of prompts to a model, compare it with an earlier version, and sign what passed',
    load: async () => (await import('./models/test.ts')).modelsTest,
  },
  {
    name: 'models bom',
    summary: 'print a bill of materials of the locked models (CycloneDX 1.6)',
    load: async () => (await import('./models/bom.ts')).modelsBom,
  },
  {
    name: 'audit verify',
    summary: 'verify the hash chain of the audit log; exit 1 at the first bad record',
    load: async () => (await import('./audit-verify.ts')).auditVerify,
  },
  {
    name: 'audit show',
    summary: 'show records of the audit log',
    load: async () => (await import('./audit-show.ts')).auditShow,
  },
  {
    name: 'audit export',
    summary: 'export records of the audit log; CSV, CEF and ECS have no texts',
    load: async () => (await import('./audit-export.ts')).auditExport,
  },
  {
    name: 'audit report',
    summary: 'write an incident report: timeline, callers, findings, what was stopped and what was not',
    load: async () => (await import('./audit-report.ts')).auditReport,
  },
  {
    name: 'audit erase',
    summary: 'erase texts and addresses from records, and record the erasure',
    load: async () => (await import('./audit-erase.ts')).auditErase,
  },
  {
    name: 'audit access-request',
    summary: 'show what is stored about a key or a person, and record that it was asked for',
    load: async () => (await import('./audit-access-request.ts')).auditAccessRequest,
  },
  {
    name: 'incident open',
    summary: 'open an incident: freeze, sign the log, start the clocks of NIS2, GDPR and AI Act',
    load: async () => (await import('./incident/open.ts')).incidentOpen,
  },
  {
    name: 'incident list',
    summary: 'list incidents, and which report is due when',
    load: async () => (await import('./incident/list.ts')).incidentList,
  },
  {
    name: 'incident sent',
    summary: 'note that a report of an incident was sent',
    load: async () => (await import('./incident/sent.ts')).incidentSent,
  },
  {
    name: 'incident bundle',
    summary: 'write drafts of the reports, the timeline and signed evidence into a folder',
    load: async () => (await import('./incident/bundle.ts')).incidentBundle,
  },
  {
    name: 'incident close',
    summary: 'close an incident',
    load: async () => (await import('./incident/close.ts')).incidentClose,
  },
  {
    name: 'backup',
    summary: 'back up policy, keys, state and audit log while the gateway runs',
    load: async () => (await import('./backup.ts')).backup,
  },
  {
    name: 'restore',
    summary: 'restore a backup; what exists is never overwritten',
    load: async () => (await import('./restore.ts')).restore,
  },
  {
    name: 'sandbox',
    summary: "run an agent's tool confined: no network, read-only, bounded",
    load: async () => (await import('./sandbox.ts')).sandbox,
  },
  {
    name: 'demo',
    summary: 'try the gateway with a demonstration model server',
    load: async () => (await import('./demo.ts')).demo,
  },
]
