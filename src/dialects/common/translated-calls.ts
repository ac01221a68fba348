/**
 * Tools of OpenAI's API before a server that knows functions only. Custom tools are given any text: they become functions
 * with one argument, `input`. Functions of a namespace are known by both names in one. Calls in answers become again what
 * the client has declared, before anybody judges or sees them.
 */
import { isObject, type JsonObject, type JsonValue, parse, stringOf } from '../../core/json.ts'
import { qualifiedName } from './offered-tools.ts'

const argument = 'input'

/** What a client has declared, by the name under which the server knows it. */
export interface DeclaredTool {
  readonly name: string
  readonly namespace: string | undefined
  readonly isCustom: boolean
}

/** A custom tool as a function. What form its input must have is told: no server here enforces it. */
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

/** A call in the conversation, of a function or of a custom tool, as the server would have made it. */
export function asFunctionCall({ namespace, input, ...call }: JsonObject): JsonObject {
  const named =
    typeof namespace === 'string' ? { ...call, name: qualifiedName(stringOf(call.name), [namespace]) } : call
  if (call.type !== 'custom_tool_call') return named
  return { ...named, type: 'function_call', arguments: JSON.stringify({ [argument]: input ?? '' }) }
}

/** Makes calls in answers again what the client has declared. */
export class TranslatedCalls {
  readonly #declared: ReadonlyMap<string, DeclaredTool>
  /** Places in a stream where a custom tool is being called. */
  readonly #open = new Set<JsonValue>()

  constructor(declared: ReadonlyMap<string, DeclaredTool>) {
    this.#declared = declared
  }

  /** A whole answer. Untouched if nothing in it is translated. */
  ofAnswer(answer: JsonObject): JsonObject {
    const { output } = answer
    if (!Array.isArray(output) || !output.some((item) => this.#declaredAs(item))) return answer
    return { ...answer, output: output.map((item) => this.#item(item)) }
  }

  /** An event of a stream; undefined: a piece of arguments, which say what they are only when they are complete. */
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
 * What a custom tool is given. A model that was told of one argument seldom writes another name for it, and sometimes no
 * JSON at all; the tool says so when it cannot read what it gets.
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
