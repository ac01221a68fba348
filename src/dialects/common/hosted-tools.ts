/**
 * Tools that a model server would run itself. Web search is in every request of some agents, so it is left out, the
 * request kept and its caller told; a role that allows `webSearch` has it. Any other is refused by its type: a client
 * that offers it counts on it, and no guard sees what it does.
 */
import { isObject, type JsonValue } from '../../core/json.ts'
import { invalid, type Shape } from './shape.ts'

/** Types of tools that may be named to whoever offers them: they are words of the published APIs. */
const published =
  /^(?:custom|namespace|file_search|code_interpreter|image_generation|mcp|computer|computer_use_preview|programmatic_tool_calling|tool_search|local_shell|shell|apply_patch|(?:code_execution|web_search|web_fetch|computer|bash|text_editor|memory|tool_search_tool_(?:regex|bm25))_\d{8}|mcp_toolset)$/

export interface HostedTools {
  /** Types of the tool that searches the web. */
  readonly webSearch: RegExp
  /** What of it goes on, where the role allows that; undefined: no server here reads it. */
  readonly passes: Shape | undefined
}

/** @throws Refusal `invalid_request` for a tool that is not web search */
export function hostedTool({ webSearch, passes }: HostedTools): Shape {
  return (value, at, notes) => {
    const type = typeOf(value)
    if (type === undefined) return invalid(`\`${at}.type\` must be a string.`)
    if (!webSearch.test(type)) return refuseTool(at, type)
    if (passes && notes.allowed.has('webSearch')) return passes(value, at, notes)
    // So that the caller is told: see `Outgoing.leftOut`.
    notes.drop(`tools[${type}]`)
    notes.leftOut.add(type)
    return undefined
  }
}

/** @throws Refusal `invalid_request` */
export function refuseTool(at: string, type: string): never {
  const what = published.test(type) ? `Tools of the type \`${type}\`` : 'Tools of this type'
  return invalid(
    `\`${at}\`: ${what} cannot be used here: the model server does not read them. Switch the tool off in the client, or offer a function.`,
  )
}

/** The type of a tool, if it says one. */
export function typeOf(value: JsonValue): string | undefined {
  return isObject(value) && typeof value.type === 'string' ? value.type : undefined
}
