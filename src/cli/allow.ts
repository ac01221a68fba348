/**
 * `torwart allow`: makes an exception from the prompt guard, for a blocked passage or for a signature. It applies to one
 * channel, and optionally one tool, until it expires. The record of each request that it lets pass names it.
 */

import { readChains } from '../audit/query/read-chains.ts'
import { type Entry, readEntry } from '../audit/write/entry.ts'
import { randomHex } from '../core/random.ts'
import { type Channel, channels } from '../core/text.ts'
import { type Exception, maxExceptions } from '../policy/exceptions.ts'
import { loadPolicy } from '../policy/load.ts'
import { shippedIds } from '../policy/packs.ts'
import { didYouMean } from '../policy/problem.ts'
import {
  authorOf,
  byOption,
  type Command,
  configOption,
  type ExitCode,
  type Io,
  textOf,
  UsageError,
  type Values,
} from './command.ts'
import { logFile } from './shared/audit-log.ts'
import { changeExceptions, whereOf } from './shared/exceptions-file.ts'
import { durationOption } from './shared/keys.ts'

/** What is accepted, and where. */
type Subject = Pick<Exception, 'channel' | 'tool' | 'passage' | 'signature'>

/** The command `torwart allow`. */
export const allow: Command = {
  options: [
    configOption,
    {
      flags: '--text-of <request>',
      description: 'accept the passages that blocked this request: its id, or seq:NUMBER of its record',
    },
    { flags: '--signature <id>', description: 'accept everything this signature finds; needs --in' },
    {
      flags: '--in <where>',
      description: `where it applies: ${channels.join(', ')}; for one tool: tool:read_file, definition:mcp_*`,
    },
    { flags: '--why <reason>', description: 'reason, for the audit log', required: true },
    { flags: '--for <duration>', description: 'duration after which the exception expires, such as 30d' },
    byOption,
  ],
  async run(values, io): Promise<ExitCode> {
    const subjects = await subjectsOf(values, io)
    const now = Date.now()
    const forMs = durationOption(values, 'for')
    const made = subjects.map(
      (subject): Exception => ({
        id: `ex_${randomHex(5)}`,
        ...subject,
        why: textOf(values, 'why'),
        by: authorOf(values, io),
        at: new Date(now).toISOString(),
        ...(forMs === undefined ? {} : { until: new Date(now + forMs).toISOString() }),
      }),
    )
    const exit = await changeExceptions(values, io, (entries) => [
      ...entries.filter((each) => !subjects.some((subject) => isSame(subject, each))),
      ...made,
    ])
    for (const each of made)
      io.out(
        `${each.id}: ${each.signature ?? `passage ${each.passage}`} is accepted in ${whereOf(each)}${each.until === undefined ? '' : ` until ${each.until}`}.\n`,
      )
    return exit
  },
}

function isSame(a: Subject, b: Subject): boolean {
  return (['channel', 'tool', 'passage', 'signature'] as const).every((name) => a[name] === b[name])
}

async function subjectsOf(values: Values, io: Io): Promise<readonly Subject[]> {
  const [request, signature] = [textOf(values, 'textOf'), textOf(values, 'signature')]
  const where = whereIn(textOf(values, 'in'))
  if ((request === '') === (signature === '')) throw new UsageError('Give either --text-of or --signature.')
  if (request !== '') return passagesOf(await recordOf(request, values, io), where)
  if (!where) throw new UsageError('--signature needs --in, such as --in tool:read_file.')
  requireSignature(signature, values, io)
  return [{ ...where, signature }]
}

/** @throws UsageError */
function whereIn(given: string): { readonly channel: Channel; readonly tool?: string } | undefined {
  if (given === '') return undefined
  const [name = '', ...rest] = given.split(':')
  const channel = channels.find((each) => each === name)
  if (!channel) throw new UsageError(`--in must begin with one of ${channels.join(', ')}.`)
  const tool = rest.join(':')
  if (rest.length > 0 && channel !== 'tool' && channel !== 'definition')
    throw new UsageError(`The channel ${channel} has no tools. Use --in ${channel}.`)
  return tool === '' ? { channel } : { channel, tool }
}

/** @throws UsageError */
function requireSignature(id: string, values: Values, io: Io): void {
  const { policy } = loadPolicy(textOf(values, 'config'), io.variables)
  const guards = [policy.promptGuard, ...[...policy.roles.values()].map((role) => role.promptGuard)]
  const ids = [...shippedIds(), ...guards.flatMap(({ own }) => own.map((each) => each.id))]
  // Findings of the scanner itself are in no pack.
  if (!ids.includes(id) && !id.startsWith('smuggling.'))
    throw new UsageError(`There is no signature ${id}${didYouMean(id, ids)}.`)
}

/** Finds the record of a request. Callers choose request ids, so several may have the same one. @throws UsageError */
async function recordOf(request: string, values: Values, io: Io): Promise<Entry> {
  const file = logFile(values, io)
  const [, of = '', seq] = /^seq:(?:(w\d+):)?(\d+)$/.exec(request) ?? []
  const fits = ({ seq: number, id, event }: Entry, chain: string) =>
    event === undefined && (seq === undefined ? id === request : number === Number(seq) && chain === of)
  const entries: { readonly entry: Entry; readonly place: string }[] = []
  for await (const { line, chain } of readChains(file)) {
    const entry = readEntry(line)
    if (entry && fits(entry, chain) && entries.length < maxExceptions)
      entries.push({ entry, place: `seq:${chain === '' ? '' : `${chain}:`}${entry.seq}` })
  }
  const found = entries.filter(({ entry }) => blockedIn(entry).length > 0)
  const [first] = found
  if (found.length > 1)
    throw new UsageError(
      `Several requests have this id, because callers choose it. Name one with --text-of ${found.map(({ place }) => place).join(' or ')}.`,
    )
  if (first) return first.entry
  if (entries.length === 0) throw new UsageError(`${file} has no record of request ${request}.`)
  throw new UsageError(
    `The prompt guard found no passage in request ${request} that could be accepted. Run \`torwart audit show --id ${request}\` to see what stopped it.`,
  )
}

/** Returns the findings that blocked the request, or else those that flagged it and added up to a block. */
function blockedIn({ findings = [] }: Entry) {
  const named = findings.filter(({ guard, passage }) => guard === 'prompt' && typeof passage === 'string')
  const blocked = named.filter(({ action }) => action === 'block')
  return blocked.length > 0 ? blocked : named.filter(({ action }) => action === 'flag')
}

function passagesOf(
  entry: Entry,
  where: { readonly channel: Channel; readonly tool?: string } | undefined,
): readonly Subject[] {
  const subjects = new Map<string, Subject>()
  for (const { channel: name, tool, passage } of blockedIn(entry)) {
    const channel = channels.find((each) => each === name)
    if (!channel || passage === undefined || (where && where.channel !== channel)) continue
    const of = where?.tool ?? tool
    const subject: Subject = { channel, passage, ...(of === undefined ? {} : { tool: of }) }
    subjects.set(JSON.stringify(subject), subject)
  }
  if (subjects.size > 0) return [...subjects.values()]
  throw new UsageError(
    `Nothing was blocked in the channel ${where?.channel}. Run \`torwart findings\` to see what was.`,
  )
}
