/**
 * The tags between which models write tool calls in their text, as the templates of model families have them: Hermes and
 * Qwen (`<tool_call>`), Mistral (`[TOOL_CALLS]`), Llama (`<|python_tag|>`, `<function=`), Granite and Phi
 * (`<|tool_call|>`), DeepSeek and Kimi (`<|tool_calls_begin|>`, with bars and blanks of their own), gpt-oss
 * (`<|channel|>commentary`), Command R (`<|START_ACTION|>`), and the XML of `<invoke name="…">`. A call in any other form
 * is text.
 */
import { isObject, type JsonValue, readJson } from '../core/json.ts'

/** A tag by which models write calls into their texts. */
export interface Tag {
  /** As it is written. */
  readonly open: string
  /** Where the call is over; undefined: at the end of the text. */
  readonly close: RegExp | undefined
}

/** A call that stands in a text. */
export interface TextCall {
  /** Empty: what is called cannot be told, or not in one way only. */
  readonly name: string
  readonly arguments: string
}

const names = `(?:start_|longcat_)?(?:tool|function)[_▁ -]?(?:calls?|use)`
const opening = new RegExp(
  [
    String.raw`[<‹][|｜]?(?:antml:|minimax:|DSML｜)?${names}(?:[\w▁ -]{0,32}|\s[^<>]{0,200})[|｜]?>`,
    String.raw`<(?:antml:)?invoke\s[^<>]{0,200}>`,
    String.raw`<function(?:=|\s{1,8}name\s{0,8}=)`,
    String.raw`\[tool_calls?\]`,
    String.raw`<\|(?:python_tag|start_action|action_start)\|>`,
    String.raw`<\|(?:start|channel)\|>\s?(?:assistant|commentary|analysis)[^<>|]{0,80}?to=`,
    String.raw`<\|channel\|>\s?commentary`,
  ].join('|'),
  'i',
)
/** What an opening begins with, behind its `<`, `|` and prefix. */
const stems = [
  'tool',
  'function',
  'invoke',
  'python_tag|>',
  'start_action|>',
  'action_start|>',
  'channel|>',
  'start|>',
]
const prefixes = ['antml:', 'minimax:', 'dsml｜', 'start_', 'longcat_']
/** Of one opening. */
const maxLength = 240
/** Within a closing tag; as long as one may be, a part of it may stand at the end. */
export const maxCloseLength = 64

/** Finds the first call of a text. */
export function firstTag(text: string): { readonly at: number; readonly tag: Tag } | undefined {
  const match = opening.exec(text)
  if (!match) return undefined
  const [open] = match
  return { at: match.index, tag: { open, close: closeOf(open) } }
}

function closeOf(open: string): RegExp | undefined {
  if (/^<function[=\s]/i.test(open)) return /<\/function\s{0,4}>/i
  const barred = /^<\|(tool_call)\|>$/i.exec(open)?.[1]
  if (barred) return new RegExp(String.raw`<\|/${barred}\|>`, 'i')
  const name = /^<([\w:-]{1,40})[\s>]/.exec(open)?.[1]
  return name === undefined ? undefined : new RegExp(String.raw`</${name}\s{0,4}>`, 'i')
}

/** Finds where a tag may have begun at the end of the text. */
export function beginOfTag(text: string): number {
  const first = Math.max(0, text.length - maxLength)
  const places = ['<', '‹', '['].map((sign) => text.lastIndexOf(sign)).filter((place) => place >= first)
  return Math.min(text.length, ...places.filter((place) => hasBegun(text.slice(place).toLowerCase())))
}

function hasBegun(end: string): boolean {
  if (end.startsWith('[')) return '[tool_calls]'.startsWith(end)
  const rest = end.replace(/^[<‹][|｜]?/, '')
  if (prefixes.some((prefix) => prefix.startsWith(rest))) return true
  const name = rest.replace(/^(?:antml:|minimax:|dsml｜|start_|longcat_)/, '')
  if (stems.some((stem) => stem.startsWith(name) || stem.startsWith(rest))) return true
  return /^(?:tool|function|invoke)[^<>]*$|^(?:start|channel)\|>\s?[a-z]{0,10}[^<>|]{0,80}$/.test(name)
}

/**
 * Reads the calls between tags: never none, because a block that cannot be read is a call of an unknown tool.
 */
export function callsIn(block: string, { open, close }: Tag): readonly TextCall[] {
  const body = block.slice(open.length).replace(close ? new RegExp(`${close.source}$`, 'i') : '', '')
  if (/^<function=$/i.test(open)) return [functionCall(body)]
  const inner = /^\s*<function=((?:(?!<function=)[\s\S])*)<\/function\s{0,4}>\s*$/i.exec(body)?.[1]
  if (inner !== undefined) return [functionCall(inner)]
  let value: JsonValue
  try {
    value = readJson(body.trim())
  } catch {
    return [nothing(body)]
  }
  if (!Array.isArray(value)) return [callOf(value)]
  return value.length === 0 ? [nothing(body)] : value.map(callOf)
}

/** Behind `<function=`: the name, and what it is given. */
function functionCall(text: string): TextCall {
  const [name = '', rest = ''] = text.split(/>([\s\S]*)/, 2)
  return { name: name.trim(), arguments: rest.trim() || '{}' }
}

function callOf(value: JsonValue): TextCall {
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

function nothing(text: string): TextCall {
  return { name: '', arguments: text.trim() }
}
