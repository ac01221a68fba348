/**
 * Removes tools that the caller may not call, because a model does not call what it is not offered. A request that is left
 * without tools loses its tool settings too; a `tool_choice` that has lost its tool is removed. The dialects differ in
 * where a tool has its name; namespaces (Responses API) hold further tools.
 */
import { isObject, type JsonObject, type JsonValue } from '../../core/json.ts'

/** Reads the name of a tool, or of a `tool_choice`. */
export type ToolNameReader = (from: JsonObject) => string | undefined

/** Reads `{ function: { name } }`. */
export const functionName: ToolNameReader = ({ function: declared }) =>
  isObject(declared) ? flatName(declared) : undefined
/** Reads `{ name }`. */
export const flatName: ToolNameReader = ({ name }) => (typeof name === 'string' ? name : undefined)
/** Reads OpenAI's `tool_choice`: `{ type: "function", function: { name } }`, or flat as in the Responses API. */
export const functionOrFlatName: ToolNameReader = (choice) => functionName(choice) ?? flatName(choice)

/**
 * Removes forbidden tools from a fresh body, in place.
 * @param mayCall undefined: every tool is allowed
 * @param dropped gets the names of removed tools, which are words of the caller
 * @param chosen reads the name in `tool_choice`, if the API has that
 */
export function removeForbiddenTools(
  body: JsonObject,
  mayCall: ((name: string) => boolean) | undefined,
  dropped: string[],
  nameOf: ToolNameReader,
  chosen?: ToolNameReader,
): void {
  const { tools } = body
  if (!mayCall || !Array.isArray(tools)) return
  const offered = filterTools(tools, nameOf, (name) => {
    const may = mayCall(name)
    // Enough to explain a request.
    if (!may && dropped.length < maxNamed) dropped.push(`tools[${name.slice(0, maxNamedLength)}]`)
    return may
  })
  if (offered.length === tools.length && !tools.some(isNamespace)) return
  if (offered.length > 0) body.tools = offered
  else for (const field of ['tools', 'parallel_tool_calls', 'max_tool_calls']) delete body[field]
  const { tool_choice: choice } = body
  if (choice === undefined) return
  const name = isObject(choice) ? chosen?.(choice) : undefined
  if (offered.length > 0 && (name === undefined || mayCall(name))) return
  delete body.tool_choice
  dropped.push('tool_choice')
}

/**
 * Returns the name of a function with its namespaces, as Ollama builds it.
 * @param within the namespaces, the outermost first
 */
export function qualifiedName(called: string, within: readonly string[]): string {
  return within.reduceRight(
    (inner, space) => (space === '' || inner.startsWith(`${space}.`) ? inner : `${space}.${inner}`),
    called,
  )
}

const maxNamed = 64
const maxNamedLength = 256

function filterTools(
  tools: readonly JsonValue[],
  nameOf: ToolNameReader,
  keep: (name: string) => boolean,
): JsonValue[] {
  return tools.flatMap((tool) => {
    if (!isObject(tool)) return []
    if (isNamespace(tool)) {
      const inner = filterTools(tool.tools, nameOf, keep)
      return inner.length > 0 ? [{ ...tool, tools: inner }] : []
    }
    return keep(nameOf(tool) ?? '') ? [tool] : []
  })
}

function isNamespace(tool: JsonValue): tool is JsonObject & { tools: JsonValue[] } {
  return isObject(tool) && tool.type === 'namespace' && Array.isArray(tool.tools)
}
