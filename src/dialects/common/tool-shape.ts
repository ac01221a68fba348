/** Readers of what is said of tools: their declarations, calls of them, and their results, each with the tool it is of. */
import { isObject, type JsonObject, type JsonValue } from '../../core/json.ts'
import { json, type Notes, name, type ObjectShape, object, type Shape, text } from './shape.ts'

/** What a caller declares of a function the model may call: every word of it reaches the model. */
export const functionDeclaration: Shape = toolDeclaration(
  object({ name, description: text('definition'), parameters: json('definition') }, ['name']),
)

/** As `shape`, which reads a tool's declaration: its texts are that tool's. */
export function toolDeclaration(shape: ObjectShape): ObjectShape {
  return (value, at, notes) => {
    const from = notes.texts.length
    const read = shape(value, at, notes)
    notes.attributeTo(from, typeof read.name === 'string' ? read.name : undefined)
    return read
  }
}

/** The name of the function that a call is of. */
export function calledFunctionName({ function: called }: JsonObject): JsonValue | undefined {
  return isObject(called) ? called.name : undefined
}

/** As `shape`, which reads a call. @param toolOf the called tool's name; the call's own name if absent */
export function toolCall(
  shape: ObjectShape,
  id: string,
  toolOf = (read: JsonObject): JsonValue | undefined => read.name,
): ObjectShape {
  return (value, at, notes) => {
    const read = shape(value, at, notes)
    notes.call(read[id], toolOf(read))
    return read
  }
}

/** A tool's declared name, for the rights to call it. */
export function noteToolName(read: JsonValue | undefined, notes: Notes): JsonValue | undefined {
  if (isObject(read) && typeof read.name === 'string') notes.tools.push(read.name)
  return read
}

/** As `shape`, and what came out is a tool's result: which call does it answer? @param field where it says the call's id */
export function toolResult(shape: ObjectShape, field: string): ObjectShape {
  return (value, at, notes) => {
    const from = notes.texts.length
    const read = shape(value, at, notes)
    const call = read[field]
    if (typeof call !== 'string' || call === '') return read
    notes.results.push({ call })
    notes.attributeToCall(from, call)
    return read
  }
}
