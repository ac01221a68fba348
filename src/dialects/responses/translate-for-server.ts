/**
 * Adapts a Responses request to what its model server reads. Ollama v0.33 (`openai/responses.go`) refuses unknown items
 * and offers tools of any type as functions without arguments; LocalAI v4.9 (`endpoints/openresponses`) silently skips
 * both, and namespaces too. So for these everything becomes messages and functions, and what cannot is refused. Any other
 * server is assumed to support OpenAI's API.
 */
import { isObject, type JsonObject, type JsonValue, stringOf } from '../../core/json.ts'
import type { ServerKind } from '../../core/servers.ts'
import { refuseTool } from '../common/hosted-tools.ts'
import { qualifiedName } from '../common/offered-tools.ts'
import { asFunction, asFunctionCall, type DeclaredTool } from '../common/translated-calls.ts'

/** Calls whose type names the tool: the function they become, and the member with its arguments. */
const typedCalls: ReadonlyMap<string, { readonly name: string; readonly given: string }> = new Map([
  ['local_shell_call', { name: 'local_shell', given: 'action' }],
  ['shell_call', { name: 'shell', given: 'action' }],
  ['apply_patch_call', { name: 'apply_patch', given: 'operation' }],
])
const results: ReadonlySet<string> = new Set([
  'custom_tool_call_output',
  'local_shell_call_output',
  'shell_call_output',
  'apply_patch_call_output',
])

/** Moves tools of `additional_tools` items to `tools`, in place, for servers that read them only there. */
export function hoistAddedTools(body: JsonObject, server: ServerKind): void {
  const { input } = body
  if (server === 'openai' || !Array.isArray(input)) return
  const isAdded = (item: JsonValue) => isObject(item) && item.type === 'additional_tools'
  const added = input.filter(isObject).filter(isAdded)
  if (added.length === 0) return
  body.input = input.filter((item) => !isAdded(item))
  body.tools = [body.tools, ...added.map(({ tools }) => tools)].flatMap((each) => each ?? [])
}

/**
 * Translates a fresh body in place, so that the server reads all of it.
 * @returns the tools that were translated, as the client declared them, by the name at the server
 * @throws Refusal `invalid_request` for a tool that the server would not read
 */
export function translateForServer(body: JsonObject, server: ServerKind): ReadonlyMap<string, DeclaredTool> {
  const declared = new Map<string, DeclaredTool>()
  if (server === 'openai') return declared
  const { input, tools } = body
  if (Array.isArray(tools)) body.tools = translateTools(tools, 'tools', server, [], declared)
  if (Array.isArray(input)) body.input = input.map((item) => (isObject(item) ? translateItem(item) : item))
  return declared
}

/** @param within the namespaces around these tools, the outermost first */
function translateTools(
  tools: readonly JsonValue[],
  at: string,
  server: ServerKind,
  within: readonly string[],
  declared: Map<string, DeclaredTool>,
): JsonValue[] {
  return tools.flatMap((tool, index) => {
    if (!isObject(tool)) return []
    const { type, name } = tool
    if (type === 'namespace') {
      const inside = [...within, stringOf(name)]
      const inner = translateTools(listOf(tool.tools), `${at}[${index}].tools`, server, inside, declared)
      return server === 'ollama' ? [{ ...tool, tools: inner }] : inner
    }
    const known = qualifiedName(stringOf(name), within)
    const named = server === 'ollama' ? stringOf(name) : known
    const isCustom = type === 'custom'
    const namespace = within.length > 0 ? within.join('.') : undefined
    if (isCustom || namespace !== undefined)
      declared.set(known, { name: stringOf(name), namespace, isCustom })
    if (isCustom) return [{ ...asFunction(tool), name: named }]
    if (type === 'function') return [named === name ? tool : { ...tool, name: named }]
    if (server === 'ollama' && type === 'web_search') return [tool]
    return refuseTool(`${at}[${index}]`, stringOf(type))
  })
}

function translateItem(item: JsonObject): JsonObject {
  const type = stringOf(item.type)
  if (type === 'custom_tool_call' || type === 'function_call') return asFunctionCall(item)
  if (results.has(type)) {
    const { id, call_id, output } = item
    const said =
      typeof output === 'string' || type === 'custom_tool_call_output' ? output : JSON.stringify(output)
    return { type: 'function_call_output', ...(id ? { id } : {}), call_id: call_id ?? '', output: said ?? '' }
  }
  const typed = typedCalls.get(type)
  if (!typed) return item
  const { id, call_id, [typed.given]: given } = item
  return {
    type: 'function_call',
    ...(id ? { id } : {}),
    call_id: call_id ?? '',
    name: typed.name,
    arguments: JSON.stringify(given ?? {}),
  }
}

function listOf(value: JsonValue | undefined): readonly JsonValue[] {
  return Array.isArray(value) ? value : []
}
