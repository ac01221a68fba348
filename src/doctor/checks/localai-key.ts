/** A LocalAI without a key treats every caller as an administrator. */
import type { Check } from '../facts.ts'
import type { Outcome } from '../finding.ts'

const id = 'localai-key'

/** Judges whether a LocalAI asks for a key. */
export const localaiKey: Check = ({ servers }) =>
  servers.flatMap(({ upstream, isKeyless }): Outcome[] => {
    if (isKeyless === undefined) return []
    if ('why' in isKeyless) return [{ id, why: `${upstream.name}: ${isKeyless.why}` }]
    if (!isKeyless.value) return []
    return [
      {
        id,
        severity: 'high',
        what: `The LocalAI ${upstream.name} answers without a key.`,
        why: 'Every caller is then an administrator: settings, traces with prompts, installation of models and backends.',
        fix: 'Start LocalAI with LOCALAI_API_KEY set to a random value, and put the same value into a file that `upstreams[].key` takes from it (`file:` variable).',
      },
    ]
  })
