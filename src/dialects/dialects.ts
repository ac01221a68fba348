/** Every dialect Torwart speaks: a new one is a file and a line here. A longer prefix goes before a shorter. */
import { anthropic } from './anthropic/request.ts'
import type { Dialect } from './dialect.ts'
import { localai } from './localai/localai.ts'
import { transcriptions } from './localai/transcriptions.ts'
import { ollama } from './ollama/request.ts'
import { openai } from './openai/request.ts'
import { responses } from './responses/request.ts'

export const dialects: readonly Dialect[] = [ollama, responses, anthropic, transcriptions, localai, openai]

/** The dialect in whose shape a path is refused that nobody declares. */
export function dialectFor(path: string): Dialect {
  return dialects.find((dialect) => path.startsWith(dialect.prefix)) ?? openai
}
