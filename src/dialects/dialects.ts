/** All dialects that Torwart speaks. A new one is a file and a line here; a longer prefix goes before a shorter one. */
import { anthropic } from './anthropic/request.ts'
import type { Dialect } from './dialect.ts'
import { localai } from './localai/localai.ts'
import { transcriptions } from './localai/transcriptions.ts'
import { ollama } from './ollama/request.ts'
import { openai } from './openai/request.ts'
import { realtime } from './realtime/realtime.ts'
import { responses } from './responses/request.ts'

/** The dialects, the longer prefix first. */
export const dialects: readonly Dialect[] = [
  ollama,
  responses,
  realtime,
  anthropic,
  transcriptions,
  localai,
  openai,
]

/** Returns the dialect in whose shape an unknown path is refused. */
export function dialectFor(path: string): Dialect {
  return dialects.find((dialect) => path.startsWith(dialect.prefix)) ?? openai
}
