/** From the guards of a config to what the stages ask. */
import type { OutputGuard } from './policy.ts'
import type { Config } from './schema/schema.ts'

export function compileOutputGuard(config: Config['guards']['output']): OutputGuard {
  const { mode, secrets, pii, links, controls, injection, scripts, theft, canary } = config
  const cutting = { secrets, pii, controls, links: links.otherwise }
  return {
    mode,
    actions: { ...cutting, injection, scripts, theft, canary: canary ? 'block' : 'off' },
    sought: {
      secrets: secrets !== 'off',
      pii: pii !== 'off',
      controls: controls !== 'off',
      links: links.otherwise === 'off' ? undefined : links.allow,
    },
    alters: Object.values(cutting).some((action) => action === 'redact' || action === 'block'),
  }
}
