/**
 * Asks a guard model of the policy about texts. Its word can turn a flag into a block and nothing into less: a model can be
 * talked round, so `safe` changes nothing. A few questions at once, none twice while it is remembered, all of a request
 * within one time. No answer in time, or one that is none, is `unread`; so is what did not fit, unless another part is
 * unsafe already. Which server and which model is the policy's word alone.
 */
import { hash } from 'node:crypto'
import type { RecordedOpinion } from '../../audit/write/record.ts'
import type { Clock } from '../../core/clock.ts'
import { isObject, type JsonObject, type JsonValue } from '../../core/json.ts'
import type { ServerKind } from '../../core/servers.ts'
import { type Opinion, readOpinion } from '../../detect/injection/guard-model-answer.ts'
import { createMemory } from '../../detect/injection/scan-cache.ts'
import type { GuardModel } from '../../policy/policy.ts'
import type { Metrics } from '../../telemetry/metrics.ts'
import type { Ask } from '../../upstreams/ask.ts'
import type { Fleet } from '../../upstreams/fleet.ts'
import type { Question, Questions } from './guard-model-questions.ts'

/**
 * @param owner whose texts they are
 * @returns `block` with the question that was answered so. Never rejects.
 */
export type SecondOpinion = (
  questions: Questions,
  owner: string,
  model: GuardModel,
) => Promise<{
  readonly verdict: 'allow' | 'block' | 'unread'
  readonly unsafe: Question | undefined
  readonly cost: RecordedOpinion
}>

/** What it takes to ask guard models. */
export interface SecondOpinionParts {
  readonly ask: Ask
  /** Whether the model is on another host, or not the version of the lock file. */
  readonly isForeign: Fleet['isRemote']
  readonly metrics: Metrics
  readonly clock: Clock
}

/** Its name in metrics, headers and records. */
export const opinionGuard = 'opinion'
const labels = { guard: opinionGuard }
/** Of one gateway. Beside the server's `concurrent`: a question must not wait behind the prompts it is about. */
const maxAtOnce = 4
/** Of one request, so that another's finds a place beside it. */
const maxOfOne = 2
const maxTokens = 16
/** Characters of digests: some 24,000 of them. */
const maxRemembered = 1024 * 1024

/** Makes what asks guard models, with what they said before. */
export function createSecondOpinion({ ask, isForeign, metrics, clock }: SecondOpinionParts): SecondOpinion {
  // However short: what is saved is a model's work.
  const memory = createMemory<Opinion>(maxRemembered, 1)
  let asking = 0

  async function hear(model: GuardModel, content: string, withinMs: number): Promise<Heard> {
    const { upstream, name } = model
    const startedAt = clock.monotonicMs()
    asking++
    try {
      const { path, body } = question(upstream.kind, name, content)
      const { status, body: answer } = await ask(upstream, path, withinMs, body)
      const said = status === 200 ? wordsOf(upstream.kind, answer) : undefined
      return { opinion: said === undefined ? undefined : readOpinion(said), ...tokensOf(answer) }
    } catch {
      return nothing
    } finally {
      asking--
      metrics.guardSeconds.observe(labels, (clock.monotonicMs() - startedAt) / 1000)
    }
  }

  return async ({ questions, isWhole }, owner, model) => {
    const startedAt = clock.monotonicMs()
    const cost = { asked: 0, remembered: 0, unread: 0, ms: 0, inputTokens: 0, outputTokens: 0 }
    // A name of this server may stand for a model of another company, as its list tells.
    const isElsewhere = isForeign(model.upstream, model.name)
    const open: (Question & Worded)[] = []
    let unsafe: Question | undefined
    for (const each of questions) {
      const worded = wordedFor(model, each.text)
      const known = memory.find(worded.key, owner)
      if (known === undefined) open.push({ ...each, ...worded })
      else cost.remembered++
      if (known === 'unsafe') unsafe ??= each
    }
    async function work(): Promise<void> {
      for (let next = open.shift(); next && !unsafe; next = open.shift()) {
        const withinMs = Math.floor(model.timeoutMs - (clock.monotonicMs() - startedAt))
        if (isElsewhere || withinMs <= 0 || asking >= maxAtOnce) {
          metrics.guardFailures.inc(labels)
          cost.unread++
          continue
        }
        cost.asked++
        const { opinion, inputTokens, outputTokens } = await hear(model, next.content, withinMs)
        cost.inputTokens += inputTokens
        cost.outputTokens += outputTokens
        if (opinion === undefined) {
          metrics.guardFailures.inc(labels)
          cost.unread++
        } else memory.keep(next.key, owner, opinion)
        if (opinion === 'unsafe') unsafe ??= next
      }
    }
    const workers = Math.max(1, Math.min(maxOfOne, maxAtOnce - asking))
    if (!unsafe) await Promise.all(Array.from({ length: workers }, work))
    cost.ms = Math.round(clock.monotonicMs() - startedAt)
    const isRead = isWhole && cost.unread === 0
    return { verdict: unsafe ? 'block' : isRead ? 'allow' : 'unread', unsafe, cost }
  }
}

interface Worded {
  readonly content: string
  /** What it is remembered by. */
  readonly key: string
}

function wordedFor({ upstream, name, prompt }: GuardModel, text: string): Worded {
  // A function, so that `$&` in a prompt stays what it is.
  const content = prompt?.replace('{text}', () => text) ?? text
  return { content, key: hash('sha256', JSON.stringify([upstream.origin, name, content]), 'base64url') }
}

interface Heard {
  readonly opinion: Opinion | undefined
  readonly inputTokens: number
  readonly outputTokens: number
}

const nothing: Heard = { opinion: undefined, inputTokens: 0, outputTokens: 0 }

/** Neither thought nor cut: a server that leaves out what is too long for it would judge another text. */
function question(kind: ServerKind, model: string, content: string): { path: string; body: JsonObject } {
  const asked = { model, messages: [{ role: 'user', content }], stream: false }
  if (kind !== 'ollama')
    return { path: '/v1/chat/completions', body: { ...asked, temperature: 0, max_tokens: maxTokens } }
  const options = { temperature: 0, num_predict: maxTokens }
  return { path: '/api/chat', body: { ...asked, think: false, truncate: false, options } }
}

function wordsOf(kind: ServerKind, body: JsonValue | undefined): string | undefined {
  if (!isObject(body)) return undefined
  const [choice] = Array.isArray(body.choices) ? body.choices : []
  const message = kind === 'ollama' ? body.message : isObject(choice) ? choice.message : undefined
  return isObject(message) && typeof message.content === 'string' ? message.content : undefined
}

/** What the server says it took. */
function tokensOf(body: JsonValue | undefined): Pick<Heard, 'inputTokens' | 'outputTokens'> {
  const counts = isObject(body) ? body : {}
  const usage = isObject(counts.usage) ? counts.usage : {}
  return {
    inputTokens: countOf(counts.prompt_eval_count ?? usage.prompt_tokens),
    outputTokens: countOf(counts.eval_count ?? usage.completion_tokens),
  }
}

function countOf(value: JsonValue | undefined): number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0 ? value : 0
}
