/**
 * Who may do what, in the admin API; the answers are those of `torwart access --json` and `torwart explain --json`.
 *
 *     GET  /admin/v1/access    keys and other callers with their rights, broadest first
 *     POST /admin/v1/explain   { key, route?, model?, tool?, person? }: whether this would be allowed, and why; changes nothing
 */
import type { FastifyInstance } from 'fastify'
import Type from 'typebox'
import Value from 'typebox/value'
import { KeyProblem } from '../../auth/api-keys/key-changes.ts'
import type { KeyEntry } from '../../auth/api-keys/key-file.ts'
import { readUses, usesFile } from '../../auth/api-keys/usage.ts'
import type { Policy } from '../../policy/policy.ts'
import { accessRows } from '../../rights/access.ts'
import type { Obstacles } from '../../rights/explain.ts'
import { explanationOf } from '../../rights/explanation.ts'
import { refuse } from './admin-replies.ts'

/** What the routes need. */
export interface RightsApiParts {
  policy(): Policy
  /** The keys in force. */
  keys(): readonly KeyEntry[]
  readonly obstacles: Obstacles
  /** Epoch milliseconds. */
  nowMs(): number
}

/** Longer than any token. */
const maxKeyLength = 16_384
const word = Type.Optional(Type.String({ minLength: 1, maxLength: 512 }))
const question = Type.Object(
  {
    key: Type.String({ minLength: 1, maxLength: maxKeyLength }),
    route: word,
    model: word,
    tool: word,
    person: word,
  },
  { additionalProperties: false },
)

/** Registers the routes. */
export function registerRightsApi(app: FastifyInstance, parts: RightsApiParts): void {
  const { policy, keys, obstacles, nowMs } = parts
  app.get('/admin/v1/access', async () =>
    accessRows(policy(), keys(), readUses(usesFile(policy().keysFile)), nowMs()),
  )

  app.post('/admin/v1/explain', async ({ body }, reply) => {
    if (!Value.Check(question, body))
      return refuse(reply, 'The body must be JSON with key, and optionally route, model, tool and person.')
    const { key, route, model, tool, person } = body
    try {
      return await explanationOf(
        { key: key.trim(), route, model, tool, person },
        policy(),
        obstacles,
        nowMs(),
      )
    } catch (error) {
      if (error instanceof KeyProblem) return refuse(reply, error.message)
      throw error
    }
  })
}
