/**
 * Translates tools of OpenAI's API for a server that knows functions only. A custom tool, which takes plain text, becomes
 * a function with the one argument `input`; a function in a namespace gets a qualified name. Calls in responses are
 * translated back before they are judged.
 */
import { isObject, type JsonObject, type JsonValue, parse, stringOf } from '../../core/json.ts'
import { qualifiedName } from './offered-tools.ts'

const argument = 'input'

/** A tool as its client declared it. */
export interface DeclaredTool {
  readonly name: string
  readonly namespace: string | undefined
  readonly isCustom: boolean
}

/** Turns a custom tool into a function. The grammar of its input becomes a description: no server here enforces it. */
export function asFunction(tool: JsonObject): JsonObject {
  const { name, description, format } = tool
  const grammar = isObject(format) ? format.definition : undefined
  const input = { type: 'string', ...(grammar === undefined ? {} : { description: grammar }) }
  const parameters = { type: 'object', properties: { [argument]: input }, required: [argument] }
  return {
    type: 'function',
    name: name ?? '',
    ...(description === undefined ? {} : { description }),
    parameters,
  }
}

/** Turns a call in the conversation into the one that the server would have made. */
export function asFunctionCall({ namespace, input, ...call }: JsonObject): JsonObject {
  const named =
    typeof namespace === 'string' ? { ...call, name: qualifiedName(stringOf(call.name), [namespace]) } : call
  if (call.type !== 'custom_tool_call') return named
  return { ...named, type: 'function_call', arguments: JSON.stringify({ [argument]: input ?? '' }) }
}

/** Translates the calls of one response back to the client's tools. */
export class TranslatedCalls {
  readonly #declared: ReadonlyMap<string, DeclaredTool>
  /** Indexes of open calls of custom tools. */
  readonly #open = new Set<JsonValue>()

  constructor(declared: ReadonlyMap<string, DeclaredTool>) {
    this.#declared = declared
  }

  /** Translates a whole response. Returns the same object if there is nothing to translate. */
  ofAnswer(answer: JsonObject): JsonObject {
    const { output } = answer
    if (!Array.isArray(output) || !output.some((item) => this.#declaredAs(item))) return answer
    return { ...answer, output: output.map((item) => this.#item(item)) }
  }

  /** Translates an event. Returns undefined for a piece of arguments, which can be translated only when complete. */
  ofEvent(event: JsonObject): JsonObject | undefined {
    const { type, item, response } = event
    const place = event.output_index ?? event.item_id ?? 0
    const declared = this.#declaredAs(item)
    if (declared) {
      if (!declared.isCustom || type !== 'response.output_item.added') this.#open.delete(place)
      else this.#open.add(place)
      return { ...event, item: this.#item(item ?? null) }
    }
    if (isObject(response)) {
      const changed = this.ofAnswer(response)
      return changed === response ? event : { ...event, response: changed }
    }
    if (!this.#open.has(place)) return event
    if (type === 'response.function_call_arguments.delta') return undefined
    if (type !== 'response.function_call_arguments.done') return event
    const { arguments: args, name: _, ...shape } = event
    return { ...shape, type: 'response.custom_tool_call_input.done', input: inputOf(stringOf(args)) }
  }

  #declaredAs(item: JsonValue | undefined): DeclaredTool | undefined {
    return isObject(item) && item.type === 'function_call'
      ? this.#declared.get(stringOf(item.name))
      : undefined
  }

  #item(item: JsonValue): JsonValue {
    const declared = this.#declaredAs(item)
    if (!declared || !isObject(item)) return item
    const { arguments: args, ...call } = item
    const { name, namespace, isCustom } = declared
    const named = { ...call, name, ...(namespace === undefined ? {} : { namespace }) }
    return isCustom
      ? { ...named, type: 'custom_tool_call', input: inputOf(stringOf(args)) }
      : { ...named, ...(args === undefined ? {} : { arguments: args }) }
  }
}

/**
 * Returns the input of a custom tool. A model may call the argument something else, or write no JSON at all; then the
 * input is what it wrote, and the tool reports that it cannot read it.
 */
function inputOf(args: string): string {
  const given = argumentsOf(args)
  const values = given ? Object.values(given) : []
  const [only] = values
  return values.length === 1 && typeof only === 'string' ? only : args
}

function argumentsOf(args: string): JsonObject | undefined {
  try {
    const value = parse(args)
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}
