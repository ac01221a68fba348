/**
 * `torwart audit erase`: removes content from records. Only a running gateway may write its log, so the command asks it to;
 * it opens the log itself only when no gateway runs.
 */
import { openAudit } from '../audit/audit.ts'
import { chainsOf } from '../audit/chains.ts'
import {
  type Erased,
  type ErasureRequest,
  erasureId,
  isAnythingSelected,
  nothingErased,
  sumOfErased,
} from '../audit/erase/erasure.ts'
import { isLocked } from '../audit/write/lock.ts'
import { systemClock } from '../core/clock.ts'
import { createMasker, findSensitive } from '../detect/sensitive/mask.ts'
import { readIncidents } from '../incident/incident-file.ts'
import { loadPolicy } from '../policy/load.ts'
import type { Policy } from '../policy/policy.ts'
import {
  adminOption,
  authorOf,
  byOption,
  type Command,
  configOption,
  type Io,
  textOf,
  UsageError,
  type Values,
} from './command.ts'
import { adminTarget, callAdmin } from './shared/admin-client.ts'
import { momentOption } from './shared/audit-log.ts'

/** The command `torwart audit erase`. */
export const auditErase: Command = {
  options: [
    configOption,
    {
      flags: '--subject <text>',
      description: 'records whose content contains this text: a name, a session, an address',
    },
    { flags: '--person <id>', description: 'records of this person behind a key' },
    { flags: '--identity <key>', description: 'records of this key and its tokens, by id or name' },
    { flags: '--before <time>', description: 'records older than this: 30d, or a date' },
    { flags: '--why <reason>', description: 'reason, for the audit log', required: true },
    byOption,
    adminOption,
  ],
  async run(values, io) {
    const { policy } = loadPolicy(textOf(values, 'config'), io.variables)
    const selection = selectionIn(values, io)
    for (const { id, closed } of readIncidents(policy.audit.file))
      if (!closed) io.err(`Incident ${id} is open: what is erased is no longer evidence for it.\n`)
    const erased = (await isLocked(policy.audit.file, io))
      ? await eraseByGateway(selection, policy, values, io)
      : await eraseHere(selection, policy, io)
    if (!erased) return 1
    if (erased.id === null) {
      io.out('No record with content matches. Nothing was erased or recorded.\n')
      return 0
    }
    io.out(`The content of ${erased.records} records was erased (${erased.id}).\n`)
    if (erased.unerasable > 0)
      io.err(
        `${erased.unerasable} records written by an earlier version keep their content until their retention ends.\n`,
      )
    return 0
  },
}

/** @throws UsageError */
function selectionIn(values: Values, io: Io): ErasureRequest {
  const beforeMs = momentOption(values, 'before')
  const given = {
    subject: textOf(values, 'subject'),
    identity: textOf(values, 'identity'),
    person: textOf(values, 'person'),
    before: beforeMs === undefined ? '' : new Date(beforeMs).toISOString(),
  }
  const meant = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== ''))
  if (Object.keys(meant).length === 0)
    throw new UsageError('Say which records: --subject, --person, --identity or --before.')
  return { ...meant, why: textOf(values, 'why'), by: authorOf(values, io) }
}

async function eraseByGateway(
  selection: ErasureRequest,
  { admin }: Policy,
  values: Values,
  io: Io,
): Promise<Erased | undefined> {
  if (admin.token === undefined)
    throw new UsageError(
      'This log is in use by a running gateway. Set `admin.token`, so that the gateway can perform the erasure.',
    )
  const target = adminTarget(values, admin)
  const { answer, isReached } = await callAdmin<Erased>(io, target, {
    path: '/audit/erasures',
    body: selection,
  })
  if (!isReached)
    io.err(
      'The gateway may still be erasing. Run `torwart audit show --outcome erased` to see when it is done.\n',
    )
  return answer
}

async function eraseHere(selection: ErasureRequest, policy: Policy, io: Io): Promise<Erased> {
  const { mask } = createMasker(findSensitive)
  const request = { ...selection, why: mask(selection.why), by: mask(selection.by) }
  const id = erasureId()
  const erased: Erased[] = []
  for (const chain of chainsOf(policy.audit.file)) {
    // Opening a chain writes to it, so do that only if there is something to erase.
    if (await isAnythingSelected(chain, selection)) erased.push(await eraseIn(chain, request, id, policy, io))
    else erased.push(nothingErased)
  }
  return sumOfErased(erased)
}

async function eraseIn(
  chain: string,
  request: ErasureRequest,
  id: string,
  { audit: settings, version }: Policy,
  io: Io,
): Promise<Erased> {
  const audit = await openAudit({
    file: chain,
    settings,
    clock: systemClock,
    processes: io.processes,
    about: { version: io.version, policy: version, by: 'torwart audit erase' },
    report: (problem, error) => io.err(`${problem}${error === undefined ? '' : `: ${String(error)}`}\n`),
  })
  try {
    return await audit.erase(request, id)
  } finally {
    await audit.close()
  }
}
