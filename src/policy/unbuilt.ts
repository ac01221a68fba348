/**
 * What the schema knows and this version does not do yet. Asking for it is accepted and never silent: the
 * warnings stand in `torwart check`, in the log at start and in `/readyz`.
 */
import type { Config } from './schema/schema.ts'
import type { Path, Source } from './source.ts'

/** The place that asks for the feature, if any does. `written`: the file says something there, be it the default. */
type Asked = (config: Config, written: Source['holds']) => Path | undefined

function rolePath(
  config: Config,
  wanted: (role: Config['roles'][string]) => Path | undefined,
): Path | undefined {
  for (const [name, role] of Object.entries(config.roles)) {
    const inner = wanted(role)
    if (inner) return ['roles', name, ...inner]
  }
  return undefined
}

/** Keys as the reference writes them, what to say, and who asks for it. */
const unbuilt: readonly (readonly [keys: readonly string[], message: string, asked: Asked])[] = [
  [
    ['guards.prompt.separate'],
    'prompts are not marked as data yet: `separate` has no effect',
    ({ guards }) => (guards.prompt.separate ? ['guards', 'prompt', 'separate'] : undefined),
  ],
  [
    ['roles.NAME.tools'],
    'tool calls are recorded, not gated yet: `tools` has no effect',
    (config) => rolePath(config, (role) => (role.tools ? ['tools'] : undefined)),
  ],
  [
    ['jwt'],
    'JSON Web Tokens are not accepted yet: `jwt` has no effect',
    ({ jwt }) => (jwt.length > 0 ? ['jwt'] : undefined),
  ],
  [
    ['certificates'],
    'client certificates do not identify anybody yet: `certificates` has no effect',
    ({ certificates }) => (certificates.length > 0 ? ['certificates'] : undefined),
  ],
  [
    ['approval'],
    'tool calls are not held for a human yet: `approval` has no effect',
    (_config, written) => (written(['approval']) ? ['approval'] : undefined),
  ],
  [
    ['audit.retention'],
    'old records are not deleted yet: `retention` has no effect',
    (_config, written) => (written(['audit', 'retention']) ? ['audit', 'retention'] : undefined),
  ],
]

/** Keys without effect in this version. */
export const unbuiltKeys: ReadonlySet<string> = new Set(unbuilt.flatMap(([keys]) => keys))

/** Features that this policy asks for in vain, with the place where it does. */
export function asksInVain(
  config: Config,
  { holds }: Pick<Source, 'holds'>,
): { path: Path; message: string }[] {
  return unbuilt.flatMap(([_keys, message, asked]) => {
    const path = asked(config, holds)
    return path ? [{ path, message }] : []
  })
}
