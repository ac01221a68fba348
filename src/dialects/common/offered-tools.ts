/**
 * Tools that the caller may not call are not offered to the model: what it does not see it does not call. The dialects
 * differ in where a tool says its name; namespaces (Responses) hold further tools.
 *
 * A request that is left without tools is one without tools; a choice that has lost its tool is left to the model.
 */
import { isObject, type JsonObject, type JsonValue } from '../../core/json.ts'

/** Where a tool, or a choice of one, says its name. */
export type ToolNameReader = (from: JsonObject) => string | undefined

/** `{ function: { name } }` */
export const functionName: ToolNameReader = ({ function: declared }) =>
  isObject(declared) ? flatName(declared) : undefined
/** `{ name }` */
export const flatName: ToolNameReader = ({ name }) => (typeof name === 'string' ? name : undefined)
/** Of OpenAI's choices: `{ type: "function", function: { name } }`, or flat as in Responses. */
export const functionOrFlatName: ToolNameReader = (choice) => functionName(choice) ?? flatName(choice)

/**
 * Changes a fresh body in place.
 * @param dropped is told what was left out, by name: the caller's words
 * @param chosen where `tool_choice` names a tool, if this API has one
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
 * The name of a function in namespaces, as Ollama makes it.
 * @param within the outermost first
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
