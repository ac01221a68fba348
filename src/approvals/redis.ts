/** Approvals in Redis: one hash for all gateways, one script an operation, and a channel that tells of decisions. */
import { readFileSync } from 'node:fs'
import { tryJson } from '../core/json.ts'
import type { RedisClient } from '../redis/client.ts'
import { type Approval, readApproval } from './approval.ts'
import { type ApprovalStatus, type ApprovalStore, maxApprovals, maxEach } from './store.ts'

/** Reaches the approvals of a fleet. Every operation throws RedisUnavailable if Redis does not answer. */
export function createRedisApprovals(redis: RedisClient): ApprovalStore {
  const key = `${redis.prefix}approvals`
  const script = (name: string) => {
    const run = redis.script(
      `torwart-approvals-${name}`,
      readFileSync(new URL(`./lua/${name}.lua`, import.meta.url), 'utf8'),
    )
    return (...words: (string | number)[]) => redis.ask(() => run([key], words))
  }
  const [take, decide, sweep] = [script('take'), script('decide'), script('sweep')]
  let stop = () => {}
  return {
    async take(approval, validMs) {
      const answer = await take(JSON.stringify(approval), validMs ?? -1, maxApprovals, maxEach)
      const [kind, found, over] = textsOf(answer)
      return [statusOf(kind, read(found)), read(over)]
    },
    async decide(id, { state, by, why }) {
      const [kind, found] = textsOf(await decide(key, id, state, by, why ?? ''))
      const approval = read(found)
      if (kind === 'done' && approval) return { kind, approval }
      return { kind: kind === 'decided' ? kind : 'unknown' }
    },
    async list() {
      const found = (await redis.ask((connection) => connection.hvals(key))).map(read)
      return found.filter((each) => each !== undefined)
    },
    async sweep() {
      const overs = textsOf(await sweep()).map(read)
      return overs.filter((each) => each !== undefined)
    },
    onNews(listener) {
      stop = redis.listen(key, listener)
    },
    close: () => stop(),
  }
}

function statusOf(kind: string | undefined, approval: Approval | undefined): ApprovalStatus {
  if (kind === 'gone' || kind === 'full') return { kind }
  if (!approval) throw new TypeError('not a valid approval')
  if (kind === 'passed' || kind === 'denied') return { kind, approval }
  return { kind: 'pending', approval, fresh: kind === 'asked' }
}

function textsOf(value: unknown): string[] {
  return Array.isArray(value) ? value.map(String) : []
}

function read(text: string | undefined): Approval | undefined {
  return readApproval(tryJson(text ?? ''))
}
