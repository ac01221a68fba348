/** The schema of a file of `config/attacks/`. */
import Type, { type Static } from 'typebox'
import { conditionNames } from '../conditions.ts'
import { disguiseNames } from './disguises.ts'

const closed = { additionalProperties: false }
const id = Type.String({ pattern: '^[a-z0-9]+(?:[.-][a-z0-9]+)*$', maxLength: 80 })
const name = Type.String({ pattern: '^[A-Za-z][A-Za-z0-9]{0,31}$' })
const text = (maxLength: number) => Type.String({ minLength: 1, maxLength })
const count = Type.Union([Type.Integer({ minimum: 1, maximum: 100_000 }), text(80)])
const condition = Type.Enum([...conditionNames])
const someTexts = Type.Union([text(4096), Type.Array(text(4096), { minItems: 1, maxItems: 16 })])

/** OWASP Top 10 for LLM applications (2025) and for agentic applications (2026). */
const owasp = Type.String({ pattern: '^(?:LLM(?:0[1-9]|10):2025|ASI(?:0[1-9]|10))$' })

const call = Type.Object(
  { name: text(128), arguments: Type.Union([Type.Record(Type.String(), Type.Unknown()), text(400)]) },
  closed,
)

const answer = Type.Object(
  {
    text: Type.Optional(text(20_000)),
    calls: Type.Optional(Type.Array(call, { minItems: 1, maxItems: 100 })),
    /** Tokens that the model server says it has processed. */
    usage: Type.Optional(Type.Object({ input: count, output: count }, closed)),
    /** Lets requests wait at the server until no more arrive. */
    holds: Type.Optional(Type.Boolean()),
  },
  closed,
)

const requestFields = {
  /** A request of `requests`, which the fields beside it change. */
  use: Type.Optional(name),
  /** `gate` if absent; `admin` is the listener for operators. */
  to: Type.Optional(Type.Enum(['gate', 'admin'])),
  method: Type.Optional(Type.String({ pattern: '^[A-Z]{3,8}$' })),
  path: Type.Optional(text(4096)),
  /** The credential: `key` if absent. */
  as: Type.Optional(text(400)),
  /** `Name: value`, as often as wanted. */
  headers: Type.Optional(Type.Array(Type.String({ pattern: '^[A-Za-z0-9_-]+: ' }), { maxItems: 32 })),
  /** JSON. */
  body: Type.Optional(Type.Unknown()),
  /** A body that is sent as it stands. */
  content: Type.Optional(text(100_000)),
  /** A whole request, byte for byte (Latin-1), over a connection of its own. */
  raw: Type.Optional(text(100_000)),
}

const step = Type.Object(
  {
    ...requestFields,
    times: Type.Optional(count),
    /** All at the same time. */
    together: Type.Optional(Type.Boolean()),
    /** Values of the response (JSON, or its text) that later steps use: a path with dots, or a pattern with one group. */
    keep: Type.Optional(Type.Record(Type.String(), text(200))),
    answer: Type.Optional(answer),
    /** `replace-model`: from now on the server has another model under the same name. */
    server: Type.Optional(Type.Enum(['replace-model'])),
    /** Where it is refused, nothing is proven. */
    needed: Type.Optional(Type.Boolean()),
    /** Is tried again for a few seconds: what stops it takes effect a moment later. */
    patient: Type.Optional(Type.Boolean()),
  },
  closed,
)

const success = Type.Object(
  {
    /** Such a request arrives at the model server: all of these are in its method, URL, headers and body. */
    arrives: Type.Optional(someTexts),
    /** The caller receives one of these. */
    returns: Type.Optional(someTexts),
    /** The last response has this status. */
    status: Type.Optional(Type.Integer({ minimum: 100, maximum: 599 })),
    /** Every repetition of the last step arrives at the model server, or gets 200 where it needs none. */
    all: Type.Optional(Type.Boolean()),
    /** More requests than this are at the model server at the same time. */
    moreThan: Type.Optional(text(80)),
  },
  { ...closed, minProperties: 1, maxProperties: 1 },
)

const attack = Type.Object(
  {
    id,
    title: text(200),
    owasp: Type.Array(owasp, { minItems: 1, maxItems: 6 }),
    /** Which guard is expected to stop it. */
    guard: text(80),
    /** How to close it if it gets through. */
    close: text(400),
    /** Where the documentation says that it gets through; with `when`, only under these conditions. */
    admitted: Type.Optional(
      Type.Object({ by: text(200), when: Type.Optional(Type.Array(condition, { minItems: 1 })) }, closed),
    ),
    /** Not tried where one of these does not hold. */
    when: Type.Optional(Type.Array(condition, { minItems: 1 })),
    /** Does not depend on the role. */
    once: Type.Optional(Type.Boolean()),
    /** The limit of the policy that it runs into; it is played where limits are in force. */
    limit: Type.Optional(name),
    /** Why it cannot succeed at a model server without a gateway. */
    direct: Type.Optional(text(300)),
    /** Becomes `{text}`. */
    text: Type.Optional(text(20_000)),
    /** The same attack with several texts, by name. */
    texts: Type.Optional(
      Type.Record(Type.String({ pattern: '^[a-z0-9-]{1,32}$' }), text(20_000), { minProperties: 1 }),
    ),
    /** The same attack with its text in several disguises. */
    disguises: Type.Optional(Type.Array(Type.Enum([...disguiseNames]), { minItems: 1 })),
    /** One request, or several. */
    send: Type.Optional(step),
    steps: Type.Optional(Type.Array(step, { minItems: 1, maxItems: 16 })),
    answer: Type.Optional(answer),
    succeeds: success,
    /** Codes of refusals that are expected although they usually mean that nothing was tested. */
    codes: Type.Optional(Type.Array(text(40), { minItems: 1, maxItems: 8 })),
  },
  closed,
)

/** The schema of a file. */
export const suiteSchema = Type.Object(
  {
    version: Type.Literal(1),
    /** Requests that attacks refer to, from any file. */
    requests: Type.Optional(Type.Record(name, Type.Object(requestFields, closed))),
    /** Harmless requests by path: where one is refused, attacks on that path prove nothing. */
    controls: Type.Optional(Type.Record(text(200), Type.Object(requestFields, closed))),
    attacks: Type.Optional(Type.Array(attack, { minItems: 1, maxItems: 2000 })),
  },
  closed,
)

/** A file as validated. */
export type SuiteFile = Static<typeof suiteSchema>
/** One entry of `attacks`. */
export type AttackFile = Static<typeof attack>
/** One step of an attack. */
export type StepFile = Static<typeof step>
/** What the scripted server answers. */
export type AnswerFile = Static<typeof answer>

/** Every key that a file may have, for "did you mean". */
export const suiteKeys: readonly string[] = [
  ...Object.keys(suiteSchema.properties),
  ...Object.keys(attack.properties),
  ...Object.keys(step.properties),
  ...Object.keys(answer.properties),
  ...Object.keys(success.properties),
]
