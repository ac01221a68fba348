/**
 * Which tool calls the gate let through, so that a tool result which answers none of them is noticed. Kept by digest,
 * of each key the latest thousand: a longer conversation, or a gateway without Redis that was restarted, makes
 * results look unknown that are not. So nothing is ever refused for it.
 */
import { hash } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import type { ToolResult } from '../../dialects/dialect.ts'
import type { SharedToolCalls } from './shared.ts'

/** Remembers the tool calls that were let through. */
export interface ToolCallRegistry {
  /** Remembers a call, before it leaves. @param owner the key, whichever of its tokens made it. Never rejects. */
  note(owner: string, call: { readonly id?: string | undefined; readonly name: string }): Promise<void>
  /** How many of the results answer no call of this owner; undefined: that cannot be known now. Never rejects. */
  unknown(owner: string, results: readonly ToolResult[]): Promise<number | undefined>
}

const maxOwners = 256

/** How many marks of calls are kept for each owner. */
export const maxEach = 1024
/** Results of one request that are looked at, the latest. */
const maxResults = 512

/**
 * Makes a registry that knows no call, of this gateway or with those that others share.
 * @param report what went wrong with Redis
 */
export function createToolCallRegistry(
  shared: SharedToolCalls | undefined,
  report: (problem: string, error: unknown) => void,
): ToolCallRegistry {
  const { keep, known } = createMarks()
  return {
    async note(owner, { id, name }) {
      const marks = [markOf({ tool: name })]
      if (id !== undefined && id !== '') marks.push(markOf({ call: id }))
      keep(owner, marks)
      try {
        await shared?.note(owner, marks)
      } catch (error) {
        report('a tool call was not shared with the other gateways', error)
      }
    },
    async unknown(owner, results) {
      const marks = [...new Set(results.slice(-maxResults).map(markOf))]
      const own = new Set(known(owner, marks))
      const strange = marks.filter((mark) => !own.has(mark))
      if (!shared || strange.length === 0) return strange.length
      try {
        const elsewhere = await shared.known(owner, strange)
        keep(owner, elsewhere)
        return strange.length - elsewhere.length
      } catch (error) {
        report('tool results could not be matched to tool calls', error)
        return undefined
      }
    },
  }
}

/** Makes the calls that the workers of one gateway share: what a primary keeps for them. */
export function createSharedCalls(): SharedToolCalls {
  const { keep, known } = createMarks()
  return {
    note: async (owner, marks) => keep(owner, marks),
    known: async (owner, marks) => known(owner, marks),
  }
}

/** Marks of calls, in memory: of each owner the latest. */
function createMarks() {
  const byOwner = new LRUCache<string, LRUCache<string, true>>({ max: maxOwners })
  return {
    keep(owner: string, marks: readonly string[]) {
      const own = byOwner.peek(owner) ?? new LRUCache<string, true>({ max: maxEach })
      for (const mark of marks) own.set(mark, true)
      byOwner.set(owner, own)
    },
    known(owner: string, marks: readonly string[]): readonly string[] {
      const own = byOwner.peek(owner)
      return marks.filter((mark) => own?.has(mark))
    },
  }
}

function markOf(result: ToolResult): string {
  const [kind, name] = 'call' in result ? ['call', result.call] : ['tool', result.tool]
  return hash('sha256', `${kind} ${name}`, 'base64url').slice(0, 22)
}
