/** The schema of a suite's file. */
import Type, { type Static } from 'typebox'

const name = Type.String({ pattern: '^[A-Za-z0-9_.-]{1,64}$' })
const text = (maxLength: number) => Type.String({ minLength: 1, maxLength })
const closed = { additionalProperties: false }
const count = (minimum: number, maximum: number) => Type.Integer({ minimum, maximum })
const temperature = Type.Number({ minimum: 0, maximum: 2 })
const anyMapping = Type.Record(Type.String(), Type.Unknown())

const expectation = Type.Object(
  {
    refused: Type.Optional(Type.Boolean()),
    contains: Type.Optional(Type.Array(text(512), { minItems: 1, maxItems: 64 })),
    lacks: Type.Optional(Type.Array(text(512), { minItems: 1, maxItems: 64 })),
    schema: Type.Optional(anyMapping),
    length: Type.Optional(
      Type.Object(
        { min: Type.Optional(count(0, 1_000_000)), max: Type.Optional(count(0, 1_000_000)) },
        closed,
      ),
    ),
    call: Type.Optional(text(128)),
    same: Type.Optional(Type.Boolean()),
  },
  { ...closed, minProperties: 1 },
)

const generated = Type.Object(
  {
    /** A text that is repeated. */
    repeat: Type.Optional(text(1024)),
    times: Type.Optional(count(1, 10_000)),
    /** So many random characters, which the seed repeats. */
    random: Type.Optional(count(1, 20_000)),
    from: Type.Optional(Type.Enum(['letters', 'printable', 'unicode'])),
  },
  closed,
)

const tool = Type.Object({ name, description: text(2048), parameters: anyMapping }, closed)

const probe = Type.Object(
  {
    id: name,
    family: name,
    system: Type.Optional(text(20_000)),
    prompts: Type.Optional(Type.Array(text(20_000), { minItems: 1, maxItems: 200 })),
    generate: Type.Optional(generated),
    triggers: Type.Optional(Type.Array(name, { maxItems: 64 })),
    expect: expectation,
    holds: Type.Optional(Type.Number({ minimum: 0, maximum: 1 })),
    samples: Type.Optional(count(1, 200)),
    temperature: Type.Optional(temperature),
    maxTokens: Type.Optional(count(1, 4096)),
    tools: Type.Optional(Type.Array(tool, { minItems: 1, maxItems: 32 })),
  },
  closed,
)

const trigger = Type.Object(
  { id: name, text: text(4096), place: Type.Optional(Type.Enum(['before', 'after'])) },
  closed,
)

/** The schema of a suite's file. */
export const suiteSchema = Type.Object(
  {
    version: Type.Literal(1),
    name,
    description: Type.Optional(text(2048)),
    seed: Type.Optional(count(0, 2_000_000_000)),
    samples: Type.Optional(count(1, 200)),
    temperature: Type.Optional(temperature),
    maxTokens: Type.Optional(count(1, 4096)),
    timeout: Type.Optional(Type.String({ pattern: '^\\d{1,6}(s|m)$' })),
    alpha: Type.Optional(Type.Number({ minimum: 0.0001, maximum: 0.2 })),
    embeddings: Type.Optional(text(255)),
    refusals: Type.Optional(Type.Array(text(128), { maxItems: 200 })),
    triggers: Type.Optional(Type.Array(trigger, { maxItems: 64 })),
    probes: Type.Array(probe, { minItems: 1, maxItems: 1000 }),
  },
  closed,
)

/** A suite's file as validated. */
export type SuiteFile = Static<typeof suiteSchema>
/** One entry of `probes`. */
export type ProbeFile = SuiteFile['probes'][number]
