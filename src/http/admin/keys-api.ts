/**
 * API keys and tokens in the admin API. The secret of a key is in the response that creates or rotates it, and nowhere else.
 *
 *     GET    /keys                    all keys, without their hashes
 *     POST   /keys                    { name, role, purpose, expires, networks, by }
 *     POST   /keys/:id/rotate         { grace, by }
 *     POST   /keys/:id/revoke         { by }, and so disable, enable
 *     DELETE /tokens/:id              revokes it and what was made from it
 */
import type { FastifyInstance, FastifyReply } from 'fastify'
import Type from 'typebox'
import Value from 'typebox/value'
import {
  changeKeyFile,
  createdKey,
  disabledKey,
  enabledKey,
  KeyProblem,
  revokedKey,
  rotatedKey,
} from '../../auth/api-keys/key-changes.ts'
import { type KeyEntry, readKeyFile } from '../../auth/api-keys/key-file.ts'
import { keyView } from '../../auth/api-keys/key-view.ts'
import type { SharedKeys } from '../../auth/api-keys/shared-keys.ts'
import { readUses, usesFile } from '../../auth/api-keys/usage.ts'
import { revokedTokensFile, revokeToken } from '../../auth/tokens/revoked-tokens.ts'
import { isKeyId } from '../../core/key-id.ts'
import { isTokenId } from '../../core/token-id.ts'
import { parseDuration } from '../../core/units.ts'
import type { Policy } from '../../policy/policy.ts'
import { NotInForce } from './admin-errors.ts'
import { refuse } from './admin-replies.ts'
import { authorOf } from './signed-in.ts'

/** What the keys API needs. */
export interface AdminKeysParts {
  policy(): Policy
  /** Undefined: keys are in the file only, not in Redis. */
  readonly shared: SharedKeys | undefined
  nowMs(): number
  /** Reads changed files now. @returns the problems of those that cannot be read */
  reload(): readonly string[] | Promise<readonly string[]>
  /** Resolves when the change is in the audit log, or cannot be for now. */
  recorded(): Promise<void>
}

const text = Type.Optional(Type.String({ minLength: 1, maxLength: 512 }))
const newKey = Type.Object(
  {
    name: Type.String(),
    role: Type.String(),
    purpose: text,
    expires: text,
    networks: Type.Optional(Type.Array(Type.String())),
    by: text,
  },
  { additionalProperties: false },
)
const change = Type.Object({ grace: text, by: text }, { additionalProperties: false })

const statusChanges = {
  revoke: revokedKey,
  disable: disabledKey,
  enable: enabledKey,
} as const

/** Registers the routes of keys and tokens. */
export function registerAdminKeys(app: FastifyInstance, parts: AdminKeysParts): void {
  const { policy, nowMs } = parts
  const file = () => policy().keysFile
  const changes = createKeyChanges(parts)

  app.get('/admin/v1/keys', async () => ({ keys: readKeyFile(file()).map(changes.view) }))

  app.post('/admin/v1/keys', async (request, reply) => {
    const { body } = request
    if (!Value.Check(newKey, body))
      return refuse(
        reply,
        'The body must be JSON with name and role, and optionally purpose, expires, networks and by.',
      )
    const { name, role, purpose, networks = [] } = body
    const by = authorOf(request, body.by)
    if (!policy().roles.has(role)) return refuse(reply, 'The policy has no such role.')
    const lifeMs = durationOf(body.expires)
    if (lifeMs === 'none') return refuse(reply, '`expires` must be a duration such as 30d.')
    return attempt(reply, async () => {
      const { entry, key } = createdKey({ name, role, purpose, lifeMs, networks }, nowMs(), by)
      await changes.put(() => entry)
      reply.code(201)
      return { ...changes.view(entry), key }
    })
  })

  app.post<{ Params: { id: string; what: string } }>('/admin/v1/keys/:id/:what', async (request, reply) => {
    const { id, what } = request.params
    const options = request.body ?? {}
    if (!Value.Check(change, options))
      return refuse(reply, 'The body must be JSON with an optional by, and grace to rotate.')
    const by = authorOf(request, options.by)
    const graceMs = durationOf(options.grace)
    if (options.grace !== undefined && what !== 'rotate')
      return refuse(reply, '`grace` is allowed for rotate only.')
    if (graceMs === 'none') return refuse(reply, '`grace` must be a duration such as 24h.')
    if (!isKeyId(id)) return refuse(reply, 'This is not a key id.')
    return attempt(reply, async () => {
      if (what === 'rotate') return changes.rotate(id, graceMs ?? 0, by)
      if (!isStatusChange(what)) return refuse(reply, 'The change must be rotate, revoke, disable or enable.')
      return changes.view(await changes.put((keys) => statusChanges[what](keyIn(keys, id), nowMs(), by)))
    })
  })

  app.delete<{ Params: { id: string } }>('/admin/v1/tokens/:id', async (request, reply) => {
    const { id } = request.params
    if (!isTokenId(id)) return refuse(reply, 'This is not a token id.')
    await revokeToken(revokedTokensFile(file()), id, nowMs(), authorOf(request, undefined))
    await changes.apply()
    return { id, status: 'revoked' }
  })
}

function createKeyChanges({ policy, shared, nowMs, reload, recorded }: AdminKeysParts) {
  const file = () => policy().keysFile
  const view = (entry: KeyEntry) => keyView(entry, readUses(usesFile(file())), nowMs())
  /** Puts written changes in force. @throws NotInForce if this gateway cannot read them */
  const apply = async () => {
    const problems = await reload()
    // What Redis does not learn now, it learns with the next synchronisation.
    await shared?.synchronise().catch(() => {})
    await recorded()
    if (problems.length > 0)
      throw new NotInForce(
        'The change is saved but not in force, because a file cannot be read. See /readyz.',
      )
  }
  const put = async (make: (keys: readonly KeyEntry[]) => KeyEntry) => {
    const entry = await changeKeyFile(file(), make)
    await apply()
    return entry
  }
  return {
    view,
    apply,
    put,
    async rotate(id: string, graceMs: number, by: string) {
      let key = ''
      const entry = await put((keys) => {
        const rotated = rotatedKey(keyIn(keys, id), graceMs, nowMs(), by)
        key = rotated.key
        return rotated.entry
      })
      return { ...view(entry), key }
    },
  }
}

/** @throws KeyProblem if there is no such key */
function keyIn(keys: readonly KeyEntry[], id: string): KeyEntry {
  const entry = keys.find((each) => each.id === id)
  if (entry) return entry
  throw new KeyProblem('There is no such key.')
}

function isStatusChange(text: string): text is keyof typeof statusChanges {
  return Object.hasOwn(statusChanges, text)
}

function durationOf(text: string | undefined): number | undefined | 'none' {
  return text === undefined ? undefined : parseDuration(text) || 'none'
}

async function attempt(reply: FastifyReply, work: () => Promise<unknown>): Promise<unknown> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof KeyProblem) return refuse(reply, error.message)
    throw error
  }
}
