/**
 * What a request has cost the model server, in tokens, whatever ended it. A refusal of what the model said, a client
 * that leaves and a timeout give none of that work back, so they are paid like any other answer.
 *
 * The answer's own count holds where it is known. Without one:
 * - input is estimated from the texts that were sent;
 * - output from what the model said, as far as it came (`Carried`, and what the reader took down);
 * - of an answer that comes in one piece, and of which nothing came, output is the time the model was at it times the
 *   pace at which the same model has answered before (`Pace`), or a guess until it has.
 * An estimate of output never is more than what was reserved for it. Where a server failed by itself, nothing is paid.
 */
import { LRUCache } from 'lru-cache'
import { type Authorised, isSent, type RequestContext } from '../context.ts'
import type { Ending, ModelResponse, Work } from '../ending.ts'
import { estimatedTokens, inputTokens } from '../request/reserve.ts'

/** Estimates the tokens in the frames of a stream: all but what the leanest frame has too, its envelope. */
export class Carried {
  #frames = 0
  #units = 0
  #leanest = Number.POSITIVE_INFINITY

  add(units: number): void {
    this.#frames++
    this.#units += units
    if (units < this.#leanest) this.#leanest = units
  }

  /** A frame is one token at least: that is how servers send them. */
  get tokens(): number {
    if (this.#frames === 0) return 0
    return Math.max(this.#frames, estimatedTokens(this.#units - this.#frames * this.#leanest))
  }
}

/** Tokens a second of a model that has not answered yet; a small one does that on a CPU. */
const unknownPace = 20
const maxModels = 256
/** Shorter answers tell more of the way than of the model. */
const tellingTokens = 16
const weightOfNew = 0.2

/** How fast models answer, from the answers that they finished. */
export class Pace {
  readonly #perSecond = new LRUCache<string, number>({ max: maxModels })

  note(model: string, tokens: number, ms: number): void {
    if (tokens < tellingTokens || ms <= 0) return
    const now = (tokens * 1000) / ms
    const before = this.#perSecond.peek(model) ?? now
    this.#perSecond.set(model, before + weightOfNew * (now - before))
  }

  tokensIn(model: string, ms: number): number {
    return Math.ceil(((this.#perSecond.peek(model) ?? unknownPace) * ms) / 1000)
  }
}

/** Tells whether a model has worked on the request, as far as can be known. */
export function hasWorked({ work, cancellation }: RequestContext, ending: Ending): boolean {
  if (!work) return false
  const { status } = work
  if (status !== 0) return status < 300
  // Nothing came: it was at work if somebody else ended it, and if not, it failed.
  return cancellation.over || ('refusal' in ending && ending.refusal.code === 'upstream_timeout')
}

/** Counts what a request has cost, input and output together; 0: no model has worked on it. */
export function tokensUsed(context: RequestContext, ending: Ending, pace: Pace): number {
  if (!isSent(context) || !hasWorked(context, ending)) return 0
  const { work, outgoing } = context
  const answer = ('answer' in ending ? ending.answer : undefined) ?? work.answer
  const { usage } = answer
  // A server that counts nothing says zero (LocalAI, in several places), which must not make its models free.
  const input = usage?.input || inputTokens(context)
  const isWhole = ending.kind === 'answered'
  if (isWhole && usage) pace.note(context.target.model, usage.output, work.ms)
  // A stream of Anthropic's begins with a count of one, which is none.
  if (usage && usage.output > (isWhole ? 0 : 1)) return input + usage.output
  const said = estimatedTokens(saidBytes(answer))
  if (isWhole && !answer.truncated) return input + said
  return input + Math.min(Math.max(said, unseen(context, work, pace)), outgoing.outputTokens)
}

/** What the reader has not taken down: calls that wait to be judged, frames that were blocked, an answer not yet sent. */
function unseen({ prompt, target }: Authorised, { carried, ms }: Work, pace: Pace): number {
  return carried > 0 || prompt.stream ? carried : pace.tokensIn(target.model, ms)
}

function saidBytes({ text, toolCalls }: ModelResponse): number {
  return toolCalls.reduce(
    (sum, call) => sum + Buffer.byteLength(call.name) + Buffer.byteLength(call.arguments),
    Buffer.byteLength(text),
  )
}
