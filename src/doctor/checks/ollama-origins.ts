/** Web pages of any origin may call an Ollama with `OLLAMA_ORIGINS=*`. */
import type { Check } from '../facts.ts'
import type { Outcome } from '../finding.ts'

const id = 'ollama-origins'

/** Judges which web pages may call an Ollama directly. */
export const ollamaOrigins: Check = ({ servers }) =>
  servers.flatMap(({ upstream, anyOrigin, environment }): Outcome[] => {
    if (anyOrigin === undefined) return []
    const origins = 'value' in environment ? environment.value.OLLAMA_ORIGINS : undefined
    const isSet = origins?.split(',').some((origin) => origin.trim() === '*') ?? false
    if ('why' in anyOrigin && !isSet) return [{ id, why: `${upstream.name}: ${anyOrigin.why}` }]
    if (!isSet && 'value' in anyOrigin && !anyOrigin.value) return []
    return [
      {
        id,
        severity: 'high',
        what: `Web pages of every origin may call the Ollama ${upstream.name} (OLLAMA_ORIGINS=*).`,
        why: 'A page that anyone on this host opens can use and change the models from their browser, past the gateway.',
        fix: 'Remove OLLAMA_ORIGINS from the environment of Ollama (`systemctl edit ollama`) and restart it. For web pages, set `listen.cors` in the policy.',
      },
    ]
  })
