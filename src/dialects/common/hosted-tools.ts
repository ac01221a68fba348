/**
 * Tools that a model server would run itself. Some agents send web search with every request, so it is dropped and the
 * caller is told; a role that allows `webSearch` keeps it. Any other is refused by its type: a client that offers it
 * relies on it, and no guard sees what it does.
 */
import { isObject, type JsonValue } from '../../core/json.ts'
import { invalid, type Shape } from './shape.ts'

/** Types of the published APIs, which an error may name. */
const published =
  /^(?:custom|namespace|file_search|code_interpreter|image_generation|mcp|computer|computer_use_preview|programmatic_tool_calling|tool_search|local_shell|shell|apply_patch|(?:code_execution|web_search|web_fetch|computer|bash|text_editor|memory|tool_search_tool_(?:regex|bm25))_\d{8}|mcp_toolset)$/

/** The hosted tools of one API. */
export interface HostedTools {
  /** Matches the types of the web search tool. */
  readonly webSearch: RegExp
  /** The shape of a web search tool that the role allows; undefined: no server here reads it. */
  readonly passes: Shape | undefined
}

/** Returns the shape of a hosted tool. It refuses every tool but web search. */
export function hostedTool({ webSearch, passes }: HostedTools): Shape {
  return (value, at, notes) => {
    const type = typeOf(value)
    if (type === undefined) return invalid(`\`${at}.type\` must be a string.`)
    if (!webSearch.test(type)) return refuseTool(at, type)
    if (passes && notes.allowed.has('webSearch')) return passes(value, at, notes)
    // The caller is told (`Outgoing.leftOut`).
    notes.drop(`tools[${type}]`)
    notes.leftOut.add(type)
    return undefined
  }
}

/** @param at the path of the tool @throws Refusal `invalid_request`, which names a published type only */
export function refuseTool(at: string, type: string): never {
  const what = published.test(type) ? `Tools of the type \`${type}\`` : 'Tools of this type'
  return invalid(
    `\`${at}\`: ${what} are not supported, because the model server does not read them. Disable the tool in the client, or offer a function.`,
  )
}

/** Returns the `type` of a tool, if it has one. */
export function typeOf(value: JsonValue): string | undefined {
  return isObject(value) && typeof value.type === 'string' ? value.type : undefined
}
