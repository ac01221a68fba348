/** `torwart audit access-request`: what is stored about a key or a person (GDPR, article 15), and that it was asked for. */
import { createPseudonyms } from '../audit/erase/pseudonyms.ts'
import { factsInMarkdown, recordInMarkdown, summaryInMarkdown } from '../audit/formats/access-request.ts'
import { lineWithChain } from '../audit/query/read-chains.ts'
import { type DataSubject, recordsAbout, StoredCounter } from '../audit/query/stored-about.ts'
import { segmentsOf } from '../audit/write/segments.ts'
import { keyId } from '../auth/api-keys/key.ts'
import { isCallerId, isKeyId } from '../core/key-id.ts'
import { personIn } from '../core/person.ts'
import { loadPolicy } from '../policy/load.ts'
import type { Policy } from '../policy/policy.ts'
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
} from './command.ts'
import { readKeys } from './shared/keys.ts'
import { putOnRecord } from './shared/operator-event.ts'
import { progressOf } from './shared/progress.ts'
import { type StoredState, storedState } from './shared/stored-state.ts'

const personPrefix = 'person:'

/** The command `torwart audit access-request`. */
export const auditAccessRequest: Command = {
  options: [
    configOption,
    {
      flags: '--subject <who>',
      description: 'id of a key, person:ID, or a text such as a session, a name, an address',
    },
    { flags: '--key <id>', description: 'key and its tokens, by id or name' },
    { flags: '--person <id>', description: 'person behind a key' },
    byOption,
    jsonOption,
  ],
  async run(values, io): Promise<ExitCode> {
    const { policy } = loadPolicy(textOf(values, 'config'), io.variables)
    const { file } = policy.audit
    const subject = subjectIn(values, policy, io)
    if (segmentsOf(file).length === 0) throw new UsageError(`There is no log ${file}.`)
    const counter = new StoredCounter()
    const progress = progressOf(io, 'records')
    let count = 0
    for await (const { entry } of recordsAbout(file, subject)) {
      counter.add(entry)
      if (++count % 1000 === 0) progress.tell(count)
    }
    progress.end()
    const state = await storedState(subject, policy, values, io)
    const answer = { subject, state, summary: counter.result(), file }
    await (values.json ? printJson(answer, io) : printMarkdown(answer, io))
    const isRecorded = await putOnRecord(
      'access request',
      { by: authorOf(values, io), ...inEvent(subject), records: count },
      policy,
      io,
    )
    return isRecorded ? 0 : 1
  },
}

interface Answer {
  readonly subject: DataSubject
  readonly state: StoredState
  readonly summary: ReturnType<StoredCounter['result']>
  readonly file: string
}

/** @throws UsageError */
function subjectIn(values: Values, { audit }: Policy, io: Io): DataSubject {
  const [subject, key, person] = ['subject', 'key', 'person'].map((name) => textOf(values, name))
  const given = [subject, key, person].filter((text) => text !== '')
  if (given.length !== 1) throw new UsageError('Say whom it is about: one of --subject, --key and --person.')
  const personGiven = subject?.startsWith(personPrefix) ? subject.slice(personPrefix.length) : person
  if (personGiven) {
    const id = personIn(personGiven)
    if (id === undefined) throw new UsageError('This is not the id of a person.')
    return { kind: 'person', id, pseudonym: createPseudonyms(audit.file)('person', id) }
  }
  if (key) return { kind: 'key', id: keyId(key) ?? key }
  const text = subject ?? ''
  const id = keyId(text) ?? text
  const isKnown = readKeys(values, io).some((each) => each.id === id)
  return isKnown || (isCallerId(id) && !isKeyId(id)) ? { kind: 'key', id } : { kind: 'text', text }
}

/** An event stays for good, so it names no person, and repeats no text. */
function inEvent(subject: DataSubject): object & Readonly<Record<string, unknown>> {
  if (subject.kind === 'key') return { kind: 'key', key: subject.id }
  if (subject.kind === 'person') return { kind: 'person', person: subject.pseudonym }
  return { kind: 'text' }
}

async function printJson({ subject, state, summary, file }: Answer, io: Io): Promise<void> {
  const head = JSON.stringify({ made: new Date().toISOString(), subject, ...state, summary })
  io.out(`${head.slice(0, -1)},"records":[`)
  let between = '\n'
  for await (const record of recordsAbout(file, subject)) {
    io.out(`${between}${lineWithChain(record)}`)
    between = ',\n'
  }
  io.out('\n]}\n')
}

async function printMarkdown({ subject, state, summary, file }: Answer, io: Io): Promise<void> {
  const who = subject.kind === 'text' ? 'the text that was asked for' : `${subject.kind} ${subject.id}`
  io.out(
    `# What is stored about ${who}\n\nMade ${new Date().toISOString()} by Torwart for a request under article 15 of the GDPR. Times are UTC. Texts are masked, as they are stored. Read it before you send it: records may tell of other people as well.\n\n`,
  )
  io.out(summaryInMarkdown(summary))
  io.out(factsInMarkdown('Key', { ...state.key }))
  io.out(factsInMarkdown('Freezes', byNumber(state.freezes)))
  io.out(factsInMarkdown('Incidents', byNumber(state.incidents)))
  io.out(factsInMarkdown('Baseline of the watch for anomalies', { ...state.baseline }))
  io.out(factsInMarkdown('Retention', { 'records are deleted after': state.retention }))
  io.out(factsInMarkdown('Not covered', byNumber(state.notCovered)))
  io.out('## Records\n\n')
  for await (const record of recordsAbout(file, subject)) io.out(recordInMarkdown(record))
}

function byNumber(list: readonly unknown[]): Record<string, unknown> {
  return Object.fromEntries(list.map((each, index) => [`${index + 1}`, each]))
}
