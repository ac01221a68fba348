/**
 * Tool calls that stand in the text of an answer between the tags of a model's template: servers that know the template
 * make real calls of them, clients may do the same with those that do not. They are judged like any other; since a text
 * has no place to wait in, what needs a human or is not decided at once is taken out.
 *
 * Read in what is said and in what is thought, since some servers look there, too. Which tags there are, `tool-policy/tags.ts`
 * knows.
 */
import { Refusal } from '../../core/refusal.ts'
import { type CallVerdict, type JudgeCall, undecidedCallNote } from '../../dialects/common/call-verdict.ts'
import type { OutputFilter, TextKind } from '../../dialects/common/output-filter.ts'
import { beginOfTag, callsIn, firstTag, maxCloseLength, type Tag } from '../../tool-policy/tags.ts'

/** Code units of one call. */
const maxLength = 256 * 1024

interface State {
  readonly kind: TextKind
  held: string
  /** The tag that is open, if one is: `held` begins with it. */
  tag: Tag | undefined
  /** Code units of `held` in which no closing tag begins. */
  searched: number
}

function begin(kind: TextKind, held = ''): State {
  return { kind, held, tag: undefined, searched: 0 }
}

function mayHoldCalls(kind: TextKind): boolean {
  return kind === 'content' || kind === 'thinking'
}

/** Puts the judging of calls in texts before another filter. */
export function judgeTexts(inner: OutputFilter, judge: JudgeCall): OutputFilter {
  return new TextCallFilter(inner, judge)
}

class TextCallFilter implements OutputFilter {
  readonly judgesCalls = true
  readonly #inner: OutputFilter
  readonly #judge: JudgeCall
  readonly #states = new Map<string, State>()
  /** What became of each block: some dialects say it again, and a call is judged once. */
  readonly #judged = new Map<string, string>()
  readonly readAhead?: (frame: string) => Promise<void>
  #cuts = 0

  constructor(inner: OutputFilter, judge: JudgeCall) {
    this.#inner = inner
    this.#judge = judge
    if (inner.readAhead) this.readAhead = inner.readAhead.bind(inner)
  }

  get isHolding(): boolean {
    return this.#inner.isHolding || [...this.#states.values()].some(({ held }) => held !== '')
  }

  get cuts(): number {
    return this.#inner.cuts + this.#cuts
  }

  next(channel: string, kind: TextKind, piece: string): string {
    if (!mayHoldCalls(kind)) return this.#inner.next(channel, kind, piece)
    const state = this.#states.get(channel) ?? begin(kind)
    this.#states.set(channel, state)
    state.held += piece
    const passed = this.#advance(state, false)
    return passed === '' ? '' : this.#inner.next(channel, kind, passed)
  }

  rest(channel: string): string {
    const state = this.#states.get(channel)
    this.#states.delete(channel)
    const passed = state && state.held !== '' ? this.#advance(state, true) : ''
    const before = state && passed !== '' ? this.#inner.next(channel, state.kind, passed) : ''
    return before + this.#inner.rest(channel)
  }

  whole(kind: TextKind, text: string, again?: boolean): string {
    const passed = mayHoldCalls(kind) ? this.#advance(begin(kind, text), true, again) : text
    return this.#inner.whole(kind, passed, again)
  }

  /** @returns what may go on of what is held */
  #advance(state: State, last: boolean, again = false): string {
    let out = ''
    for (;;) {
      if (state.tag) {
        const stop = endOfCall(state, state.tag, last)
        if (stop === undefined) return out
        out += this.#settle(state.held.slice(0, stop), state.tag, again)
        state.held = state.held.slice(stop)
        state.tag = undefined
        continue
      }
      const first = firstTag(state.held)
      if (!first) {
        const hold = last ? state.held.length : beginOfTag(state.held)
        out += state.held.slice(0, hold)
        state.held = state.held.slice(hold)
        return out
      }
      out += state.held.slice(0, first.at)
      state.held = state.held.slice(first.at)
      state.tag = first.tag
      state.searched = first.tag.open.length
    }
  }

  /** What the client reads of a block. @throws Refusal */
  #settle(block: string, tag: Tag, again: boolean): string {
    const before = again ? this.#judged.get(block) : undefined
    const after = before ?? this.#judgeBlock(block, tag)
    this.#judged.set(block, after)
    if (after !== block) this.#cuts++
    return after
  }

  #judgeBlock(block: string, tag: Tag): string {
    for (const call of callsIn(block, tag)) {
      const verdict = this.#judge(call, 'text')
      if ('kind' in verdict && verdict.kind === 'pass') continue
      return noteOf(verdict)
    }
    return block
  }
}

/**
 * @returns where the call that is open is over; undefined: that is still to come
 * @throws Refusal if there is too much of it
 */
function endOfCall(state: State, { close }: Tag, last: boolean): number | undefined {
  const { held, searched } = state
  const end = close?.exec(held.slice(searched))
  if (end) return searched + end.index + end[0].length
  if (last) return held.length
  if (held.length > maxLength) throw new Refusal('output_blocked', { detail: 'a call without end' })
  state.searched = Math.max(searched, held.length - maxCloseLength)
  return undefined
}

function noteOf(verdict: CallVerdict | Promise<CallVerdict>): string {
  if (!('kind' in verdict)) return undecidedCallNote
  if (verdict.kind === 'refuse') throw verdict.refusal
  return 'note' in verdict ? verdict.note : undecidedCallNote
}
