/** Shapes of tool declarations, calls and results, which note the tool that each text belongs to. */
import { isObject, type JsonObject, type JsonValue } from '../../core/json.ts'
import type { Notes } from './notes.ts'
import { json, name, type ObjectShape, object, type Shape, text } from './shape.ts'

/** The declaration of a function: every word of it reaches the model. */
export const functionDeclaration: Shape = toolDeclaration(
  object({ name, description: text('definition'), parameters: json('definition') }, ['name']),
)

/** Notes the declaration of a tool, and attributes its texts to the tool. */
export function toolDeclaration(shape: ObjectShape): ObjectShape {
  return (value, at, notes) => {
    const from = notes.texts.length
    const read = shape(value, at, notes)
    notes.attributeTo(from, typeof read.name === 'string' ? read.name : undefined)
    notes.definitions.push(read)
    return read
  }
}

/**
 * Notes what stands around declarations as part of each: it reaches the model with them.
 * @param inner the member that holds the declarations
 */
export function aroundTools(shape: ObjectShape, inner: string): ObjectShape {
  return (value, at, notes) => {
    const from = notes.definitions.length
    const read = shape(value, at, notes)
    const { [inner]: _inner, type: _type, ...said } = read
    // As a rule there is nothing, and then the tool is the same in all dialects.
    if (Object.keys(said).length === 0) return read
    for (let index = from; index < notes.definitions.length; index++) {
      const { around = null, ...definition } = notes.definitions[index] as JsonObject
      notes.definitions[index] = { ...definition, around: [said, around] }
    }
    return read
  }
}

/** Returns `function.name` of a call. */
export function calledFunctionName({ function: called }: JsonObject): JsonValue | undefined {
  return isObject(called) ? called.name : undefined
}

/** Notes which tool a call is of. @param id the field with the call's id @param toolOf reads the tool's name */
export function toolCall(
  shape: ObjectShape,
  id: string,
  toolOf = (read: JsonObject): JsonValue | undefined => read.name,
): ObjectShape {
  return (value, at, notes) => {
    const read = shape(value, at, notes)
    notes.noteCall(read[id], toolOf(read))
    return read
  }
}

/** Notes the name of a declared tool, for the right to call it. */
export function noteToolName(read: JsonValue | undefined, notes: Notes): JsonValue | undefined {
  if (isObject(read) && typeof read.name === 'string') notes.tools.push(read.name)
  return read
}

/** Notes which call a tool result answers. @param field the field with the call's id */
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
