/** An Ollama whose cloud models are on can send prompts to ollama.com. */
import type { Check } from '../facts.ts'
import type { Outcome } from '../finding.ts'

const id = 'ollama-cloud'

/** Judges whether cloud models are switched off. */
export const ollamaCloud: Check = ({ servers }) =>
  servers.flatMap(({ upstream, cloudOff, environment }): Outcome[] => {
    if (cloudOff === undefined) return []
    const variable = 'value' in environment ? environment.value.OLLAMA_NO_CLOUD : undefined
    if (variable === '1' || variable === 'true') return []
    if ('why' in cloudOff) return [{ id, why: `${upstream.name}: ${cloudOff.why}` }]
    if (cloudOff.value) return []
    return [
      {
        id,
        severity: 'medium',
        what: `Cloud models are not switched off on the Ollama ${upstream.name}.`,
        why: 'A model with `:cloud` in its name, or one that points to a remote host, sends prompts to ollama.com. The gateway refuses such names; the switch is the second safeguard.',
        fix: 'Set OLLAMA_NO_CLOUD=1 in the environment of Ollama (`systemctl edit ollama`) and restart it.',
      },
    ]
  })
