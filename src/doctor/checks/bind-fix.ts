/** How a model server is bound to loopback. */
import type { ServerFacts } from '../facts.ts'

/** Returns the command or setting that binds a model server to loopback. */
export function bindFix({ upstream: { kind }, environment, port }: ServerFacts): string {
  if (kind === 'localai') return `Start LocalAI with \`--address 127.0.0.1:${port}\`.`
  if (kind === 'openai') return `Bind the server to 127.0.0.1:${port}.`
  const host = 'value' in environment ? environment.value.OLLAMA_HOST : undefined
  const now = host === undefined ? '' : ` (it is ${host} now)`
  return `Set OLLAMA_HOST=127.0.0.1:${port}${now}: \`systemctl edit ollama\`, then [Service] and Environment=OLLAMA_HOST=127.0.0.1:${port}, and \`systemctl restart ollama\`. In Docker: \`-p 127.0.0.1:${port}:${port}\`.`
}
