/**
 * Keys and tokens, in the admin API. A key and a token are answered once, when they are made, and never again.
 *
 *     GET    /keys                    all keys, without their hashes
 *     POST   /keys                    { name, role, expires, networks, by }
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
import { adminTokenHolder, refuse } from './admin-replies.ts'

export interface AdminKeysParts {
  policy(): Policy
  /** Undefined: keys are in the file alone. */
  readonly shared: SharedKeys | undefined
  nowMs(): number
  /** Obeys what was written, now and not when the file is looked at next. @returns why it cannot */
  reload(): readonly string[]
  /** Resolves when what was written is on record, or cannot be for now. */
  recorded(): Promise<void>
}

const text = Type.Optional(Type.String({ minLength: 1, maxLength: 512 }))
const newKey = Type.Object(
  {
    name: Type.String(),
    role: Type.String(),
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

export function registerAdminKeys(
  app: FastifyInstance,
  { policy, shared, nowMs, reload, recorded }: AdminKeysParts,
): void {
  const file = () => policy().keysFile
  const shown = (entry: KeyEntry) => keyView(entry, readUses(usesFile(file())), nowMs())
  /** What Redis is not told now is told later. @throws NotInForce if it is written and not obeyed here */
  const obey = async () => {
    const problems = reload()
    await shared?.synchronise().catch(() => {})
    await recorded()
    if (problems.length > 0)
      throw new NotInForce('It is written, and not in force: a file cannot be read; /readyz says which.')
  }
  const put = async (make: (entries: readonly KeyEntry[]) => KeyEntry) => {
    const entry = await changeKeyFile(file(), make)
    await obey()
    return entry
  }

  app.get('/admin/v1/keys', async () => ({ keys: readKeyFile(file()).map(shown) }))

  app.post('/admin/v1/keys', async ({ body }, reply) => {
    if (!Value.Check(newKey, body))
      return refuse(reply, 'must be JSON: name and role, and expires, networks, by if you like')
    const { name, role, networks = [], by = adminTokenHolder } = body
    if (!policy().roles.has(role)) return refuse(reply, 'there is no such role')
    const lifeMs = durationOf(body.expires)
    if (lifeMs === 'none') return refuse(reply, 'expires must be a duration such as 30d')
    return attempt(reply, async () => {
      const { entry, key } = createdKey({ name, role, lifeMs, networks }, nowMs(), by)
      await put(() => entry)
      reply.code(201)
      return { ...shown(entry), key }
    })
  })

  app.post<{ Params: { id: string; what: string } }>(
    '/admin/v1/keys/:id/:what',
    async ({ params: { id, what }, body }, reply) => {
      const order = body ?? {}
      if (!Value.Check(change, order))
        return refuse(reply, 'must be JSON: by, and grace to rotate, if you like')
      const { by = adminTokenHolder } = order
      const graceMs = durationOf(order.grace)
      if (order.grace !== undefined && what !== 'rotate') return refuse(reply, 'grace is for rotate')
      if (graceMs === 'none') return refuse(reply, 'grace must be a duration such as 24h')
      if (!isKeyId(id)) return refuse(reply, 'that is not the id of a key')
      const of = (entries: readonly KeyEntry[]) => {
        const entry = entries.find((each) => each.id === id)
        if (entry) return entry
        throw new KeyProblem('there is no such key')
      }
      return attempt(reply, async () => {
        if (what === 'rotate') {
          let key = ''
          const entry = await put((entries) => {
            const made = rotatedKey(of(entries), graceMs ?? 0, nowMs(), by)
            key = made.key
            return made.entry
          })
          return { ...shown(entry), key }
        }
        if (!isChange(what)) return refuse(reply, 'rotate, revoke, disable or enable')
        const entry = await put((entries) => statusChanges[what](of(entries), nowMs(), by))
        return shown(entry)
      })
    },
  )

  app.delete<{ Params: { id: string } }>('/admin/v1/tokens/:id', async ({ params: { id } }, reply) => {
    if (!isTokenId(id)) return refuse(reply, 'that is not the id of a token')
    await revokeToken(revokedTokensFile(file()), id, nowMs(), adminTokenHolder)
    await obey()
    return { id, status: 'revoked' }
  })
}

function isChange(text: string): text is keyof typeof statusChanges {
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
