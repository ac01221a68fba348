/**
 * Tools of the Responses API (OpenAI's schema of August 2026): functions, functions in namespaces, and tools whose calls
 * the client runs without a schema: `custom` tools, which take plain text, and the shell and patch tools that OpenAI's
 * models know by type. `translate-for-server.ts` translates or refuses what the chosen server does not read.
 */
import { isObject, type JsonObject, type JsonValue, stringOf } from '../../core/json.ts'
import { hostedTool, typeOf } from '../common/hosted-tools.ts'
import { flatName, qualifiedName, type ToolNameReader } from '../common/offered-tools.ts'
import { flag, json, list, name, object, type Shape, text, variants, word } from '../common/shape.ts'
import { aroundTools, noteToolName, toolDeclaration } from '../common/tool-shape.ts'

const functionTool = toolDeclaration(
  object({ type: word, name, description: text('definition'), parameters: json('definition') }, ['name']),
)

const customTool = toolDeclaration(
  object(
    {
      type: word,
      name,
      description: text('definition'),
      format: variants('type', {
        text: object({ type: word }),
        grammar: object({ type: word, syntax: word, definition: text('definition') }, ['definition']),
      }),
    },
    ['name'],
  ),
)

/** A tool that its type names. A shell must be local, because any other would run on the server. */
const typedTool = object({
  type: word,
  environment: variants('type', { local: object({ type: word }) }),
})
/** Types of tools without a name, whose calls the client runs. */
const typedTools: ReadonlySet<string> = new Set(['local_shell', 'shell', 'apply_patch'])

const otherTool = hostedTool({
  webSearch: /^web_search(?:_preview)?(?:_\d{4}_\d\d_\d\d)?$/,
  passes: object({ type: word, external_web_access: flag, search_context_size: word }),
})

/** A tool; one that would run on the server is dropped or refused. */
const tool: Shape = (value, at, notes) => {
  const type = typeOf(value)
  if (type === 'function') return noteToolName(functionTool(value, at, notes), notes)
  if (type === 'custom') return noteToolName(customTool(value, at, notes), notes)
  if (type === 'namespace') return namespaceTool(value, at, notes)
  if (type !== undefined && typedTools.has(type)) {
    notes.tools.push(callTypeOf(type))
    return typedTool(value, at, notes)
  }
  return otherTool(value, at, notes)
}

const namespaceTool = aroundTools(
  object(
    // Resolved lazily, because a namespace holds tools, which may be namespaces.
    {
      type: word,
      name,
      description: text('definition'),
      tools: list((value, at, notes) => tool(value, at, notes)),
    },
    ['name'],
  ),
  'tools',
)

const listed = list(tool)
/** The tools of a request or of an item. Notes qualified names too, because servers use those for functions. */
export const tools: Shape = (value, at, notes) => {
  const read = listed(value, at, notes)
  for (const known of namesIn(read)) notes.name(known)
  return read
}

/** Yields the qualified names of functions in namespaces. */
function* namesIn(value: JsonValue | undefined, within: readonly string[] = []): Generator<string> {
  if (!Array.isArray(value)) return
  for (const each of value) {
    if (!isObject(each)) continue
    if (each.type === 'namespace') yield* namesIn(each.tools, [...within, stringOf(each.name)])
    else if (within.length > 0) yield qualifiedName(stringOf(each.name), within)
  }
}

/** Reads the name under which calls of a tool are judged: its own, or the type of its calls. */
export const nameOrCallType: ToolNameReader = (declared: JsonObject) =>
  flatName(declared) ?? callTypeOf(String(declared.type))

function callTypeOf(type: string): string {
  return `${type.startsWith('web_search') ? 'web_search' : type}_call`
}
