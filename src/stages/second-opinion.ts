/**
 * Asks a guard model of the policy about texts that the scanner only flagged. Its word can turn a flag into a block and
 * nothing into less: a model can be talked round, so `safe` changes nothing. One question a request, a few at once, none
 * twice while it is remembered. No answer in time, or one that is none, is `unread`; so is what did not fit, unless the
 * part that did is unsafe already. Which server and which model is the policy's word alone.
 */
import type { Clock } from '../core/clock.ts'
import { isObject, type JsonObject, type JsonValue } from '../core/json.ts'
import type { ServerKind } from '../core/servers.ts'
import type { Channel } from '../core/text.ts'
import type { GuardModel } from '../policy/policy.ts'
import { type Opinion, readOpinion } from '../scan/opinion.ts'
import { createMemory } from '../scan/recall.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import type { Ask } from '../upstreams/ask.ts'
import type { Fleet } from '../upstreams/fleet.ts'

/** A text that is neither clean nor bad enough. */
export interface Flagged {
  readonly channel: Channel
  readonly text: string
  readonly score: number
  /** Where the first finding stands. */
  readonly at: number
}

/** @param owner whose texts they are. Never rejects. */
export type SecondOpinion = (
  flagged: readonly Flagged[],
  owner: string,
  model: GuardModel,
) => Promise<'allow' | 'block' | 'unread'>

export interface OpinionNeeds {
  readonly ask: Ask
  readonly isRemote: Fleet['isRemote']
  readonly metrics: Metrics
  readonly clock: Clock
}

/** Its name in metrics, headers and records. */
export const opinionGuard = 'opinion'
const labels = { guard: opinionGuard }
/** Of one gateway. Beside the server's `concurrent`: a question must not wait behind the prompts it is about. */
const mostAtOnce = 4
const mostBytes = 16 * 1024
/** UTF-16 code units in front of the first finding, where a text has to be cut. */
const leadUp = 1024
const mostTokens = 16
const between = '\n\n'
const mostRemembered = 1024 * 1024

export function createSecondOpinion({ ask, isRemote, metrics, clock }: OpinionNeeds): SecondOpinion {
  // However short: what is saved is a model's work.
  const memory = createMemory<Opinion>(mostRemembered, 1)
  let asking = 0

  async function hear(model: GuardModel, content: string): Promise<Opinion | undefined> {
    const { upstream, name, timeoutMs } = model
    // A name of this server may stand for a model of another company, as its list tells.
    if (asking >= mostAtOnce || isRemote(upstream, name)) return undefined
    const startedAt = clock.monotonicMs()
    asking++
    try {
      const { path, body } = question(upstream.kind, name, content)
      const answer = await ask(upstream, path, timeoutMs, body)
      const said = answer.status === 200 ? wordsOf(upstream.kind, answer.body) : undefined
      return said === undefined ? undefined : readOpinion(said)
    } catch {
      return undefined
    } finally {
      asking--
      metrics.guardSeconds.observe(labels, (clock.monotonicMs() - startedAt) / 1000)
    }
  }

  return async (flagged, owner, model) => {
    const { text, isWhole } = heaviest(flagged)
    // A function, so that `$&` in a prompt stays what it is.
    const content = model.prompt?.replace('{text}', () => text) ?? text
    const key = JSON.stringify([model.upstream.origin, model.name, content])
    const known = memory.find(key, owner)
    const opinion = known ?? (await hear(model, content))
    if (opinion === undefined) {
      metrics.guardFailures.inc(labels)
      return 'unread'
    }
    if (known === undefined) memory.keep(key, owner, opinion)
    if (opinion === 'unsafe') return 'block'
    return isWhole ? 'allow' : 'unread'
  }
}

function heaviest(flagged: readonly Flagged[]): { readonly text: string; readonly isWhole: boolean } {
  const parts: string[] = []
  let room = mostBytes
  let isWhole = true
  for (const { text, at } of flagged.toSorted((a, b) => b.score - a.score)) {
    const part = fitting(text, at, room)
    if (part.length < text.length) isWhole = false
    if (part === '') continue
    parts.push(part)
    room -= Buffer.byteLength(part) + between.length
  }
  return { text: parts.join(between), isWhole }
}

/** All of it, or as many bytes as there is room for, from somewhat before a place on. */
function fitting(text: string, at: number, room: number): string {
  if (room <= 0) return ''
  if (text.length <= room && Buffer.byteLength(text) <= room) return text
  let from = Math.max(0, at - leadUp)
  // Not in the middle of a character.
  if ((text.charCodeAt(from) & 0xfc00) === 0xdc00) from++
  const rest = text.slice(from, from + room)
  return rest.slice(0, new TextEncoder().encodeInto(rest, new Uint8Array(room)).read)
}

/** Neither thought nor cut: a server that leaves out what is too long for it would judge another text. */
function question(kind: ServerKind, model: string, content: string): { path: string; body: JsonObject } {
  const asked = { model, messages: [{ role: 'user', content }], stream: false }
  if (kind !== 'ollama')
    return { path: '/v1/chat/completions', body: { ...asked, temperature: 0, max_tokens: mostTokens } }
  const options = { temperature: 0, num_predict: mostTokens }
  return { path: '/api/chat', body: { ...asked, think: false, truncate: false, options } }
}

function wordsOf(kind: ServerKind, body: JsonValue | undefined): string | undefined {
  if (!isObject(body)) return undefined
  const [choice] = Array.isArray(body.choices) ? body.choices : []
  const message = kind === 'ollama' ? body.message : isObject(choice) ? choice.message : undefined
  return isObject(message) && typeof message.content === 'string' ? message.content : undefined
}
