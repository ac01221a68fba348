/**
 * The demonstration server, which has no model and says so. It speaks the dialects of Ollama, OpenAI and Anthropic, with
 * deterministic responses: it repeats the prompt, and calls a tool when it is offered one and asked to, with the first
 * example of arguments that the tool's schema has.
 */
import type { Asked, Reply } from '../scripted-server/reply.ts'
import { type ScriptedServer, startScriptedServer } from '../scripted-server/server.ts'
import { echo, replyTo } from './reply.ts'

/** A running demonstration server. */
export type DemoServer = ScriptedServer

const models = [{ name: 'demo:latest', digest: '0'.repeat(64) }]

/** Starts the server on a free port of loopback. */
export function startDemoServer(): Promise<DemoServer> {
  return startScriptedServer({ models: () => models, reply })
}

function reply({ url, body }: Asked): Reply {
  if (url === '/api/generate') return { text: echo(String(body.prompt ?? '')) }
  return replyTo(body.messages ?? body.input, body.tools)
}
