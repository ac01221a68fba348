/** What the prompt guard says of the recorded texts. */
import { Refusal } from '../../core/refusal.ts'
import type { Text } from '../../core/text.ts'
import type { Outgoing } from '../../dialects/dialect.ts'
import { type Authorised, extend, type RequestContext } from '../context.ts'
import { GuardWork } from '../guard-work.ts'
import type { ScanPrompt } from '../request/scan-prompt.ts'
import type { RecordedRequest } from './recorded-request.ts'
import { Unknown } from './unknown.ts'

/** What the output guard has to know of the prompt. */
export interface ReadPrompt {
  readonly systemPrompt: string
}

const maxRules = 3

/**
 * Puts the texts to the guard, in every way in which they may have stood: whether two texts were parts of one message is not
 * on record. Only what all of them come to is certain.
 * @throws Refusal `prompt_blocked`, `too_much_to_scan`; Unknown
 */
export async function requirePrompt(
  request: Authorised & RequestContext,
  { texts, outcome }: RecordedRequest,
  scan: ScanPrompt,
): Promise<ReadPrompt> {
  const { role, endpoint, policy } = request
  const systemPrompt = (texts ?? [])
    .filter(({ channel }) => channel === 'system')
    .map(({ text }) => text)
    .join('\n')
  // Nothing can be blocked, so nothing need be read.
  if (role.promptGuard.mode !== 'enforce' || endpoint.answer) return { systemPrompt }
  if (!texts) throw new Unknown('its texts are not on record')
  const refusals: (Refusal | undefined)[] = []
  for (const arranged of arrangements(texts)) {
    const anew = extend(request, { guardWork: new GuardWork(policy.guardBudget) })
    refusals.push(await refusalOf(anew, arranged, scan))
  }
  const [first] = refusals
  if (refusals.some((each) => each?.code !== first?.code))
    throw new Unknown('how its texts stood together is not on record')
  const byTool = policy.exceptions.entries.some(({ tool }) => tool !== undefined)
  if (first && byTool && texts.some(({ channel }) => channel === 'tool' || channel === 'definition'))
    throw new Unknown('which tool a text belongs to is not on record')
  if (first) throw first
  if (outcome === 'too_much_to_scan') throw new Unknown('the guards’ work on its body is not on record')
  return { systemPrompt }
}

/** As they are; as parts of one message; and with results standing beside what the others say. */
function arrangements(texts: readonly Text[]): readonly (readonly Text[])[] {
  const found = [texts]
  const isPart = (text: Text, index: number) => index > 0 && texts[index - 1]?.channel === text.channel
  if (texts.some(isPart))
    found.push(texts.map((text, index) => (isPart(text, index) ? { ...text, glued: true } : text)))
  const isBeside = ({ channel }: Text) => channel === 'tool' || channel === 'document'
  const speakers = texts.filter((text) => !isBeside(text) && text.channel !== 'system')
  const joins = speakers.some((text, index) => index > 0 && speakers[index - 1]?.channel === text.channel)
  if (joins && texts.some(isBeside))
    found.push(texts.map((text) => (isBeside(text) ? { ...text, aside: true } : text)))
  return found
}

async function refusalOf(
  request: Authorised & RequestContext,
  texts: readonly Text[],
  scan: ScanPrompt,
): Promise<Refusal | undefined> {
  const reserved = extend(request, {
    prompt: { ...request.prompt, texts },
    ...{ outgoing: unsent, spotlighting: undefined, canary: undefined },
    ...{ claim: undefined, reservation: undefined, weight: 1, slotWaitMs: 0 },
  })
  try {
    await scan(reserved)
    return undefined
  } catch (thrown) {
    if (!(thrown instanceof Refusal) || thrown.code !== 'prompt_blocked') throw thrown
    return new Refusal('prompt_blocked', { detail: rulesOf(request.findings) })
  }
}

/** Names the signatures that blocked. */
function rulesOf(findings: RequestContext['findings'] = []): string {
  const ids = findings.filter(({ action }) => action === 'block').map(({ id }) => id)
  return [...new Set(ids)].toSorted().slice(0, maxRules).join(' ')
}

/** Nothing is sent. */
const unsent: Outgoing = {
  body: {},
  outputTokens: 0,
  clamped: [],
  dropped: [],
  reader: {
    state: 'open',
    frame: () => undefined,
    usage: undefined,
    transcript: { text: '', toolCalls: [], size: 0, truncated: false, called: false },
  },
}
