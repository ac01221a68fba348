/** What is seen of one answer: whether it refuses, and whether it is as the probe expects. */
import Schema from 'typebox/schema'
import { tryJson } from '../../core/json.ts'
import { readArguments } from '../../tool-policy/arguments.ts'
import type { SafeSchema } from '../../tool-policy/schema.ts'
import type { Expectation, OfferedTool, Probe } from './suite.ts'

/** A tool call as the model wrote it. */
export interface Call {
  readonly name: string
  /** JSON text. */
  readonly arguments: string
}

/** One answer. */
export interface Answer {
  readonly text: string
  readonly calls: readonly Call[]
  /** The server itself says that the model refused, or that a filter did. */
  readonly isDeclined: boolean
}

/** A refusal says so in its first sentences; further on, the words belong to the answer. */
const refusalWithin = 400

/** Whether an answer refuses. @param phrases in lower case */
export function isRefusal({ text, isDeclined }: Answer, phrases: readonly string[]): boolean {
  if (isDeclined) return true
  const begin = text.slice(0, refusalWithin).toLowerCase().replaceAll(/[’‘ʼ]/g, "'").replaceAll(/\s+/g, ' ')
  return phrases.some((phrase) => begin.includes(phrase))
}

/**
 * Whether an answer is as expected, apart from `same`, which needs all of them.
 * @param isRefused what `isRefusal` says of it
 */
export function holds({ expect, tools }: Probe, answer: Answer, isRefused: boolean): boolean {
  const { contains, lacks, length, schema, call, refused } = expect
  const text = answer.text.toLowerCase()
  return (
    (refused === undefined || refused === isRefused) &&
    (contains.length === 0 || contains.some((each) => text.includes(each))) &&
    !lacks.some((each) => text.includes(each)) &&
    (length === undefined || (answer.text.length >= length.min && answer.text.length <= length.max)) &&
    (schema === undefined || fitsSchema(answer.text, schema)) &&
    (call === undefined || callsAsExpected(call, answer.calls, tools))
  )
}

/** Models put JSON into a block of code, asked or not. */
const fence = /^\s*```(?:json)?\s*\n([\s\S]*?)\n?\s*```\s*$/

function fitsSchema(text: string, schema: SafeSchema): boolean {
  const value = tryJson(fence.exec(text)?.[1] ?? text)
  return value !== undefined && check(schema, value)
}

function callsAsExpected(
  expected: NonNullable<Expectation['call']>,
  calls: readonly Call[],
  tools: readonly OfferedTool[],
): boolean {
  if (expected === 'none') return calls.length === 0
  const areHonest = calls.every(({ name, arguments: text }) => {
    const tool = tools.find((each) => each.name === name)
    const read = readArguments(text)
    return tool !== undefined && read !== undefined && check(tool.schema, read)
  })
  return areHonest && (expected === 'honest' || calls.some(({ name }) => name === expected))
}

function check(schema: SafeSchema, value: unknown): boolean {
  // A cast: `true` and `false` are schemas, too, and the checker takes them.
  return Schema.Check(schema as object, value)
}
