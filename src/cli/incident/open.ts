/** `torwart incident open`: freezes if asked, signs where the log stands, and starts the clocks. */
import { createPseudonyms } from '../../audit/erase/pseudonyms.ts'
import { latestCheckpoint } from '../../audit/query/latest-checkpoint.ts'
import { keyId } from '../../auth/api-keys/key.ts'
import { isCallerId, isKeyId } from '../../core/key-id.ts'
import { personIn } from '../../core/person.ts'
import { type Incident, openedIncident } from '../../incident/incident.ts'
import { addIncident, keepInFolder } from '../../incident/incident-file.ts'
import { type Duty, duties, type SeriousKind, seriousKinds } from '../../incident/notices.ts'
import { loadPolicy } from '../../policy/load.ts'
import {
  authorOf,
  byOption,
  type Command,
  configOption,
  type ExitCode,
  type Io,
  jsonOption,
  textOf,
  UsageError,
  type Values,
} from '../command.ts'
import { momentOption } from '../shared/audit-log.ts'
import { issueFreeze } from '../shared/freezes.ts'
import { readKeys } from '../shared/keys.ts'
import { putOnRecord } from '../shared/operator-event.ts'
import { checkpointName, incidentInWords, masked } from './shared.ts'

const standardSinceMs = 24 * 3_600_000

/** The command `torwart incident open`. */
export const incidentOpen: Command = {
  options: [
    configOption,
    {
      flags: '--why <reason>',
      description: 'what happened, for the audit log and the reports',
      required: true,
    },
    { flags: '--key <id>', description: 'key that it is about, by id' },
    { flags: '--person <id>', description: 'person behind a key that it is about' },
    {
      flags: '--since <time>',
      description: 'records from this time on concern it: 24h, or a date; default: 24h',
    },
    {
      flags: '--aware <time>',
      description: 'when somebody became aware of it: clocks run from here; default: now',
    },
    { flags: '--freeze', description: 'freeze the key or the person first' },
    {
      flags: '--serious <kind>',
      description: `serious incident of the AI Act: ${seriousKinds.join(', ')}: 15, 10 or 2 days`,
      standard: 'other',
    },
    { flags: '--duties <list>', description: `laws whose clocks run; default: ${duties.join(',')}` },
    byOption,
    jsonOption,
  ],
  async run(values, io): Promise<ExitCode> {
    const { policy } = loadPolicy(textOf(values, 'config'), io.variables)
    const { file } = policy.audit
    const incident = incidentIn(values, io, Date.now())
    const { key, person } = incident
    const frozen = incident.frozen ? await freeze(incident, values, io) : 0
    await addIncident(file, incident)
    const isRecorded = await putOnRecord(
      'incident opened',
      {
        ...{ incident: incident.id, why: incident.why, by: incident.by, key },
        person: person === null ? null : createPseudonyms(file)('person', person),
        ...{ aware: incident.aware, since: incident.since, frozen: incident.frozen, duties: incident.duties },
      },
      policy,
      io,
    )
    if (isRecorded) await keepCheckpoint(file, incident, io)
    if (values.json) io.out(`${JSON.stringify(incident)}\n`)
    else
      io.out(
        `${incidentInWords(incident, Date.now())}\nNext: torwart incident bundle ${incident.id} --out DIR\n`,
      )
    return frozen !== 0 || !isRecorded ? 1 : 0
  },
}

/** @throws UsageError */
function incidentIn(values: Values, io: Io, nowMs: number): Incident {
  const sinceMs = momentOption(values, 'since') ?? nowMs - standardSinceMs
  const awareMs = momentOption(values, 'aware') ?? nowMs
  if (sinceMs > nowMs || awareMs > nowMs)
    throw new UsageError('--since and --aware must not be in the future.')
  const [key, person] = [keyIn(values, io), personOption(values)]
  const frozen = values.freeze === true
  if (frozen && key === null && person === null)
    throw new UsageError('Say what to freeze: --key or --person. `torwart freeze all` stops everything.')
  return openedIncident(
    {
      ...{ key, person, frozen, serious: seriousIn(values), duties: dutiesIn(values) },
      since: new Date(sinceMs).toISOString(),
      aware: new Date(awareMs).toISOString(),
      why: masked(textOf(values, 'why')),
      by: masked(authorOf(values, io)),
    },
    nowMs,
  )
}

/** @throws UsageError for a name, because several keys may have it, and for what is no key at all */
function keyIn(values: Values, io: Io): string | null {
  const given = textOf(values, 'key')
  if (given === '') return null
  const id = keyId(given) ?? given
  const keys = readKeys(values, io)
  if (keys.some((each) => each.id === id)) return id
  const named = keys.filter(({ name }) => name === given).map((each) => each.id)
  if (named.length > 0)
    throw new UsageError(`${given} is the name of a key. Give its id: ${named.join(' or ')}.`)
  // Certificates, issuers' tokens and capability tokens are in no file of keys.
  if (isCallerId(id) && !isKeyId(id)) return id
  throw new UsageError(
    `There is no key ${isKeyId(id) ? id : 'of this id'}. Run \`torwart key list\` to see ids.`,
  )
}

/** @throws UsageError */
function personOption(values: Values): string | null {
  const given = textOf(values, 'person')
  if (given === '') return null
  const person = personIn(given)
  if (person === undefined) throw new UsageError('--person is not the id of a person.')
  return person
}

/** @throws UsageError */
function seriousIn(values: Values): SeriousKind {
  const kind = seriousKinds.find((each) => each === textOf(values, 'serious'))
  if (!kind) throw new UsageError(`--serious must be one of ${seriousKinds.join(', ')}.`)
  return kind
}

/** @throws UsageError */
function dutiesIn(values: Values): Duty[] {
  const text = textOf(values, 'duties')
  if (text === '') return [...duties]
  const names = text.split(',').map((name) => name.trim())
  if (!names.every((name) => duties.some((duty) => duty === name)))
    throw new UsageError(`--duties must be a list of ${duties.join(', ')}, with commas.`)
  return duties.filter((duty) => names.includes(duty))
}

async function freeze({ key, person, why, id }: Incident, values: Values, io: Io): Promise<number> {
  const subjects = [...(key === null ? [] : [['key', key]]), ...(person === null ? [] : [['person', person]])]
  let exit = 0
  for (const words of subjects) {
    const told = { ...io, out: values.json ? io.err : io.out }
    exit ||= await issueFreeze(values, told, words, {
      ...{ frozen: true, why: `${id}: ${why}`.slice(0, maxWhy), forMs: undefined, ahead: true },
    })
  }
  return exit
}

/** Freezes have shorter reasons than incidents. */
const maxWhy = 512

/** Keeps where the log stood in the folder of the incident, so that a bundle can show it. */
async function keepCheckpoint(file: string, incident: Incident, io: Io): Promise<void> {
  const checkpoint = await latestCheckpoint(file)
  if (!checkpoint) io.err('There is no signed checkpoint in the audit log.\n')
  else keepInFolder(file, incident, checkpointName, `${JSON.stringify(checkpoint, null, 2)}\n`)
}
