/** A request as its record has it, for judging it again. Nothing in a record is taken for granted: others may have written it. */
import type { Entry } from '../../audit/write/entry.ts'
import type { Identity } from '../../auth/identity.ts'
import { type RefusalCode, refusals } from '../../core/refusal.ts'
import { type Channel, channels, type Text } from '../../core/text.ts'
import type { ToolCall } from '../../dialects/dialect.ts'
import { dialects } from '../../dialects/dialects.ts'
import type { Destination } from '../context.ts'

/** What is on record of a request. */
export interface RecordedRequest {
  readonly id: string
  /** Version of the policy that judged it. */
  readonly policy: string
  readonly identity: Identity | undefined
  /** Undefined: no dialect declares its route. */
  readonly to: Destination | undefined
  /** Undefined: its body was not read. */
  readonly model: RecordedModel | undefined
  readonly upstream: string | undefined
  /** Undefined: not all of them are on record. */
  readonly texts: readonly Text[] | undefined
  /** What went to the model and no guard read. */
  readonly unread: readonly string[]
  /** Undefined: its text is not on record. */
  readonly answer: RecordedAnswer | undefined
  /** Whether the texts hold masks, so that they are not what was read then. */
  readonly isMasked: boolean
  readonly outcome: RecordedOutcome
}

interface RecordedModel {
  readonly asked: string
  readonly served: string | null
}

interface RecordedAnswer {
  readonly text: string
  readonly isMasked: boolean
  /** Whether something was taken out of it. */
  readonly isCut: boolean
  readonly calls: readonly ToolCall[]
}

/** How it ended: let through, or refused with this code. */
export type RecordedOutcome = 'passed' | RefusalCode | 'unknown'

/** As the masker writes them. */
const mask = /<[a-z][a-z0-9-]{0,40}:[\w-]{1,64}>|<withheld>/i

/** Reads an entry. @returns undefined if it is of no request */
export function recordedRequestOf(entry: Entry): RecordedRequest | undefined {
  const { event, id, policy, ending } = entry
  if (event !== undefined || typeof id !== 'string' || typeof policy !== 'string' || !ending) return undefined
  const texts = textsIn(entry.prompt)
  const answer = answerOf(entry)
  return {
    id,
    policy,
    identity: identityOf(entry),
    to: destinationOf(entry),
    model: modelIn(entry),
    upstream: typeof entry.upstream === 'string' ? entry.upstream : undefined,
    texts,
    unread: Array.isArray(entry.unread) ? entry.unread.filter((each) => typeof each === 'string') : [],
    answer,
    isMasked: texts?.some(({ text }) => mask.test(text)) === true || answer?.isMasked === true,
    outcome: outcomeOf(entry),
  }
}

const kinds: readonly Identity['kind'][] = ['key', 'token', 'certificate', 'jwt']

function identityOf({ identity }: Entry): Identity | undefined {
  const kind = kinds.find((each) => each === identity?.kind)
  if (!identity || kind === undefined) return undefined
  const { id, name, role, from } = identity
  if ([id, name, role].some((each) => typeof each !== 'string')) return undefined
  return { kind, id, name, role, ...(Array.isArray(from) ? { from } : {}) }
}

function destinationOf({ dialect: name, route }: Entry): Destination | undefined {
  for (const dialect of dialects) {
    if (dialect.name !== name) continue
    const endpoint = dialect.endpoints.find(({ path }) => path === route)
    if (endpoint) return { dialect, endpoint }
  }
  return undefined
}

function modelIn({ model }: Entry): RecordedModel | undefined {
  if (typeof model !== 'object' || model === null || typeof model.asked !== 'string') return undefined
  return { asked: model.asked, served: typeof model.served === 'string' ? model.served : null }
}

/** @returns undefined if one of them is not there */
function textsIn(prompt: unknown): readonly Text[] | undefined {
  if (!Array.isArray(prompt)) return undefined
  const texts: Text[] = []
  for (const entry of prompt as readonly Partial<Text>[]) {
    const channel = channelOf(entry?.channel)
    if (channel === undefined || typeof entry.text !== 'string') return undefined
    texts.push({ channel, text: entry.text })
  }
  return texts
}

function channelOf(name: unknown): Channel | undefined {
  return channels.find((channel) => channel === name)
}

function answerOf({ answer, stopped }: Entry): RecordedAnswer | undefined {
  if (typeof answer !== 'object' || answer === null) return undefined
  const { text, toolCalls, truncated, cuts } = answer as Record<string, unknown>
  const said = (text as { readonly text?: unknown } | null)?.text
  if (typeof said !== 'string' || truncated === true) return undefined
  const calls = [...callsIn(toolCalls), ...callsIn(stopped)]
  return {
    text: said,
    isMasked: mask.test(said) || calls.some((call) => mask.test(call.arguments)),
    isCut: Array.isArray(cuts) && cuts.length > 0,
    calls,
  }
}

function callsIn(calls: unknown): ToolCall[] {
  if (!Array.isArray(calls)) return []
  return (calls as readonly Partial<ToolCall>[]).flatMap(({ name, arguments: args }) =>
    typeof name === 'string' && typeof args === 'string' ? [{ name, arguments: args }] : [],
  )
}

function outcomeOf({ ending, upstream }: Entry): RecordedOutcome {
  if (ending?.kind === 'answered') return 'passed'
  const code = ending?.code ?? ''
  const isCode = (text: string): text is RefusalCode => Object.hasOwn(refusals, text)
  // It was let through, and what failed was the model server.
  if (code.startsWith('upstream_') && typeof upstream === 'string') return 'passed'
  return isCode(code) ? code : 'unknown'
}
