/**
 * Which answers a model server keeps (LocalAI's `/v1/responses`), and for whom. Behind one gate all callers are one
 * to the server, so that it would hand anybody's conversation to whoever names its id; the gate remembers who was
 * given which. Only for as long as the process lives, and only the latest: an id that is forgotten is refused, and
 * the client sends its conversation whole.
 */
import type { Upstream } from '../policy/policy.ts'

export interface KeptAnswers {
  note(owner: string, id: string, upstream: Upstream): void
  /** Where this owner's answer is kept; undefined for anybody else's. */
  find(owner: string, id: string): Upstream | undefined
}

const most = 10_000

export function createKeptAnswers(): KeptAnswers {
  const answers = new Map<string, { readonly owner: string; readonly upstream: Upstream }>()
  return {
    note(owner, id, upstream) {
      const [oldest] = answers.size >= most ? answers.keys() : []
      if (oldest !== undefined) answers.delete(oldest)
      answers.set(id, { owner, upstream })
    },
    find(owner, id) {
      const kept = answers.get(id)
      return kept?.owner === owner ? kept.upstream : undefined
    },
  }
}
