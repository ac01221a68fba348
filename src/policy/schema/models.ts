/**
 * The `models` section: its own keys, which say what proves a model, and settings by model name or pattern beside them.
 * A model whose name is one of those keys is written with its tag: `lock:latest`.
 */
import Type, { type Static } from 'typebox'
import { defaultLockFile, defaultSigningKey } from './files.ts'
import type { SchemaNode } from './node.ts'
import { sharedLimits } from './role.ts'
import { choice, duration, group, named, optional, section, text } from './types.ts'

const setting = group('Settings of a model.', {
  weight: Type.Number({
    minimum: 0.001,
    maximum: 1000,
    wanted: 'a number from 0.001 to 1000',
    description: 'How much one of its tokens counts in every token limit.',
    default: 1,
  }),
  limits: section('Limits for all callers of the model together.', sharedLimits),
})

const trust = Type.Object({
  lock: text('The lock file, which `torwart models lock` writes.', defaultLockFile),
  require: Type.Array(Type.Enum(['digest', 'suite']), {
    description:
      'What a model must prove before it serves a request. `digest`: its digest is the one in the lock file. `suite`: a passed test run of the version in the lock file. Empty: nothing.',
    default: [],
  }),
  onDrift: choice(
    ['refuse', 'flag'],
    'refuse',
    'What happens to a model that does not prove it: quarantine, or only an event, a log line and `torwart_model_drift`.',
  ),
  suite: optional(
    group('The test run that `require: [suite]` wants.', {
      name: named(
        '^[A-Za-z0-9_.-]{1,64}$',
        '1 to 64 letters, digits or _ . -',
        'Name of the suite, as its file has it.',
      ),
      maxAge: duration('How old the test run may be.', '90d', { min: '1m', max: '36500d' }),
    }),
  ),
  signing: text(
    'The private key (Ed25519, PEM) that `torwart models test` signs passed runs with, made on first use. The gateway reads only the public half, in FILE.pub.',
    defaultSigningKey,
  ),
  tools: choice(
    ['off', 'pin'],
    'off',
    'Whether the definition of a tool is pinned when it is first allowed.',
  ),
})

/** The keys of `models` that are no model names. */
const reserved = Object.keys(trust.properties)

/** Settings of the models that match a pattern. */
export type ModelSetting = Static<typeof setting>

/** `models` as validated: its own keys; every other one is a pattern, see `modelSettings`. */
export type ModelsConfig = Static<typeof trust> & { readonly [pattern: string]: unknown }

/** The schema of `models`. */
export const models = Type.Unsafe<ModelsConfig>({
  ...trust,
  description:
    'What proves that a model is the one you tested, and settings by model name or pattern, as in `roles.NAME.models`. The first match applies. Models that match one pattern share its limits. Write a model that is called like one of these keys with its tag: `lock:latest`.',
  default: {},
  additionalProperties: false,
  // The keys above are no patterns, here and in editors.
  patternProperties: { [`^(?!(?:${reserved.join('|')})$)`]: setting },
} satisfies SchemaNode & { additionalProperties: boolean })

/** Returns the settings by pattern, in the order of the file. */
export function modelSettings(config: ModelsConfig): [pattern: string, setting: ModelSetting][] {
  const entries = Object.entries(config).filter(([key]) => !reserved.includes(key))
  // TypeScript has no type for "every other key"; the schema has validated them.
  return entries as [string, ModelSetting][]
}
