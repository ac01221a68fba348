/**
 * Which answers a model server keeps (LocalAI's `/v1/responses`), and for whom. Behind one gate all callers are one
 * to the server, so that it would hand anybody's conversation to whoever names its id; the gate remembers who was
 * given which. Only for as long as the process lives, and only the latest of each caller: an id that is forgotten is
 * refused, and the client sends its conversation whole.
 */
import { LRUCache } from 'lru-cache'
import { holderOf } from '../auth/identity.ts'
import type { ModelNames } from '../dialects/dialect.ts'
import type { Authenticated } from './context.ts'

/** Where a response is stored. */
export interface StoredAt {
  /** Its name: what a policy says of it may change meanwhile. */
  readonly upstream: string
  readonly model: ModelNames
}

/** Knows which responses model servers have stored, and for whom. */
export interface StoredResponses {
  note(owner: string, id: string, at: StoredAt): void
  /** This owner's answer; undefined for anybody else's. */
  find(owner: string, id: string): StoredAt | undefined | Promise<StoredAt | undefined>
}

/**
 * Whose the answers of a caller are: its key's, and of a token those that may do exactly as much as this one. So one
 * that was renewed goes on where the last one was, and a narrower one of the same key reads nothing it could not ask for.
 */
export function ownerOf({ identity, token }: Pick<Authenticated, 'identity' | 'token'>): string {
  const rights = token?.grants.map(({ id: _, ...each }) => each) ?? []
  return `${holderOf(identity)} ${JSON.stringify(rights)}`
}

const maxOwners = 1024
const maxEach = 256

/** What is known of each owner's responses, by id; what was used last comes first. JSON. */
export type SavedResponses = readonly (readonly [
  owner: string,
  responses: readonly (readonly [id: string, at: StoredAt])[],
])[]

/** Stored responses that another process can go on with. */
export interface SavableResponses extends StoredResponses {
  save(): SavedResponses
  restore(saved: SavedResponses): void
}

/** Makes an empty one; the process forgets it when it ends. */
export function createStoredResponses(): SavableResponses {
  const byOwner = new LRUCache<string, LRUCache<string, StoredAt>>({ max: maxOwners })
  const note = (owner: string, id: string, at: StoredAt) => {
    const own = byOwner.peek(owner) ?? new LRUCache<string, StoredAt>({ max: maxEach })
    byOwner.set(owner, own.set(id, at))
  }
  return {
    note,
    save: () => [...byOwner.entries()].map(([owner, own]) => [owner, [...own.entries()]]),
    restore(saved) {
      for (const [owner, own] of saved.toReversed())
        for (const [id, at] of own.toReversed()) note(owner, id, at)
    },
    find: (owner, id) => byOwner.peek(owner)?.peek(id),
  }
}
