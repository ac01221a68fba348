/**
 * Tool calls that stand in the text of an answer between the tags of a model's template: servers that know the template
 * make real calls of them, clients may do the same with those that do not. They are judged like any other; since a text
 * has no place to wait in, what needs a human or is not decided at once is taken out.
 *
 * Knows the tags below, and no others.
 */
import { isObject, type JsonValue, readJson } from '../core/json.ts'
import { Refusal } from '../core/refusal.ts'
import type { CallVerdict, JudgeCall } from '../dialects/call-verdict.ts'
import type { ToolCall } from '../dialects/dialect.ts'
import type { Passage } from '../dialects/passage.ts'

/** Where a call begins and ends; without an end it goes on to the end of the text. */
const tags: readonly (readonly [open: string, close: string | undefined])[] = [
  ['<tool_call>', '</tool_call>'],
  ['<function_call>', '</function_call>'],
  ['<function=', '</function>'],
  ['[TOOL_CALLS]', undefined],
  ['<|python_tag|>', undefined],
]
/** Code units of one call. */
const longest = 256 * 1024
const undecided = 'A tool call in the text was taken out: it needs a decision that a text cannot wait for.'

interface State {
  held: string
  /** The tag that is open, if one is: `held` begins with it. */
  tag: (typeof tags)[number] | undefined
}

export function judgeTexts(inner: Passage, judge: JudgeCall): Passage {
  const states = new Map<string, State>()
  let cuts = 0

  /** What became of each block: some dialects say it again, and a call is judged once. */
  const settled = new Map<string, string>()

  /** What the client reads of a block. @throws Refusal */
  const settle = (block: string, tag: (typeof tags)[number], again: boolean): string => {
    const before = again ? settled.get(block) : undefined
    const after = before ?? judgeBlock(block, tag)
    settled.set(block, after)
    if (after !== block) cuts++
    return after
  }

  const judgeBlock = (block: string, tag: (typeof tags)[number]): string => {
    for (const call of callsIn(block, tag)) {
      const verdict = judge(call)
      if ('kind' in verdict && verdict.kind === 'pass') continue
      return noteOf(verdict)
    }
    return block
  }

  /** @returns what may go on of what is held */
  const advance = (state: State, last: boolean, again = false): string => {
    let out = ''
    for (;;) {
      if (state.tag) {
        const [, close] = state.tag
        const end = close === undefined ? -1 : state.held.indexOf(close)
        if (end === -1 && !last) {
          if (state.held.length > longest)
            throw new Refusal('output_blocked', { detail: 'a call without end' })
          return out
        }
        const stop = end === -1 || close === undefined ? state.held.length : end + close.length
        out += settle(state.held.slice(0, stop), state.tag, again)
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
    }
  }

  return {
    judgesCalls: true,
    get isHolding() {
      return inner.isHolding || [...states.values()].some(({ held }) => held !== '')
    },
    get cuts() {
      return inner.cuts + cuts
    },
    next(channel, kind, piece) {
      if (kind !== 'content') return inner.next(channel, kind, piece)
      const state = states.get(channel) ?? { held: '', tag: undefined }
      states.set(channel, state)
      state.held += piece
      const passed = advance(state, false)
      return passed === '' ? '' : inner.next(channel, kind, passed)
    },
    rest(channel) {
      const state = states.get(channel)
      states.delete(channel)
      const passed = state && state.held !== '' ? advance(state, true) : ''
      return (passed === '' ? '' : inner.next(channel, 'content', passed)) + inner.rest(channel)
    },
    whole(kind, text, again) {
      const passed = kind === 'content' ? advance({ held: text, tag: undefined }, true, again) : text
      return inner.whole(kind, passed, again)
    },
  }
}

function noteOf(verdict: CallVerdict | Promise<CallVerdict>): string {
  if (!('kind' in verdict)) return undecided
  if (verdict.kind === 'refuse') throw verdict.refusal
  return 'note' in verdict ? verdict.note : undecided
}

function firstTag(text: string) {
  let first: { readonly at: number; readonly tag: (typeof tags)[number] } | undefined
  for (const tag of tags) {
    const at = text.indexOf(tag[0])
    if (at !== -1 && (!first || at < first.at)) first = { at, tag }
  }
  return first
}

/** Where a tag may have begun at the end of the text. */
function beginOfTag(text: string): number {
  for (let at = Math.max(0, text.length - 16); at < text.length; at++) {
    const end = text.slice(at)
    if (tags.some(([open]) => open.startsWith(end))) return at
  }
  return text.length
}

/** What a block calls; a block that cannot be read, or could be read in two ways, is a call of nothing, which no policy allows. */
function callsIn(block: string, [open, close]: (typeof tags)[number]): ToolCall[] {
  const body = block.slice(open.length, close && block.endsWith(close) ? -close.length : undefined)
  if (open === '<function=') {
    const [name = '', rest = ''] = body.split(/>([\s\S]*)/, 2)
    return [{ name: name.trim(), arguments: rest.trim() || '{}' }]
  }
  let value: JsonValue
  try {
    value = readJson(body.trim())
  } catch {
    return [nothing(body)]
  }
  return (Array.isArray(value) ? value : [value]).map(callOf)
}

function callOf(value: JsonValue): ToolCall {
  if (!isObject(value)) return nothing(JSON.stringify(value))
  const inner = isObject(value.function) ? value.function : undefined
  const called = inner ?? value
  const { name } = called
  const isTwofold =
    (called.arguments !== undefined && called.parameters !== undefined) ||
    (inner !== undefined && ['name', 'arguments', 'parameters'].some((key) => value[key] !== undefined))
  if (typeof name !== 'string' || isTwofold) return nothing(JSON.stringify(value))
  const args = called.arguments ?? called.parameters ?? {}
  return { name, arguments: typeof args === 'string' ? args : JSON.stringify(args) }
}

function nothing(text: string): ToolCall {
  return { name: '', arguments: text.trim() }
}
