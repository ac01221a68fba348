/** One side of a scenario: the same agent, at a gateway or directly at the model server. */
import { isObject, type JsonObject, objectsIn, tryJson } from '../../core/json.ts'
import { refusalOf } from '../judge.ts'
import type { ObservedServers } from '../observed-server.ts'
import type { Stage } from '../stage.ts'

/** A message of a conversation. */
export interface Message {
  readonly role: 'system' | 'user' | 'assistant' | 'tool'
  readonly content: string
}

/** What the agent gets for one question. */
export interface Turn {
  /** Code of the refusal, or the status if there is none; undefined: it was answered. */
  readonly refused: string | undefined
  readonly text: string
  readonly calls: readonly { readonly name: string; readonly arguments: JsonObject }[]
}

/** Where a scenario is played. */
export interface Side {
  readonly hasGateway: boolean
  readonly servers: ObservedServers
  /** Asks the model, offering tools by name. */
  ask(messages: readonly Message[], tools?: readonly string[]): Promise<Turn>
  /** Tells what has happened. */
  tell(line: string): void
}

/** The model of all scenarios. */
export const model = 'helper'

/** Creates a side. @param key of the agent */
export function createSide(
  stage: Stage,
  servers: ObservedServers,
  key: string,
  tell: (line: string) => void,
): Side {
  return {
    hasGateway: stage.kind === 'copy',
    servers,
    tell,
    async ask(messages, tools = []) {
      const received = await stage.client.send(stage.gate, {
        method: 'POST',
        path: '/api/chat',
        headers: ['Content-Type', 'application/json', 'Authorization', `Bearer ${key}`],
        body: JSON.stringify({ model, stream: false, messages, tools: tools.map(declared) }),
      })
      const isFine = received.status === 200
      const body = tryJson(received.text)
      const message = isObject(body) && isObject(body.message) ? body.message : {}
      return {
        refused: isFine ? undefined : (refusalOf(received) ?? `status ${received.status}`),
        text: typeof message.content === 'string' ? message.content : '',
        calls: objectsIn(message.tool_calls).flatMap(({ function: called }) => callOf(called)),
      }
    },
  }
}

function declared(name: string): JsonObject {
  return {
    type: 'function',
    function: { name, description: `Runs ${name}.`, parameters: { type: 'object', properties: {} } },
  }
}

function callOf(called: JsonObject[string] | undefined): Turn['calls'] {
  if (!isObject(called)) return []
  return [{ name: String(called.name), arguments: isObject(called.arguments) ? called.arguments : {} }]
}
