/** Approvals in Redis: one hash for all gateways, one script an operation, and a channel that tells of decisions. */
import { readFileSync } from 'node:fs'
import { tryJson } from '../core/json.ts'
import type { RedisServers } from '../core/redis-servers.ts'
import { connectRedis, revive } from '../redis/connection.ts'
import { newsOn } from '../redis/subscriber.ts'
import { within } from '../redis/timeout.ts'
import { type Approval, readApproval } from './approval.ts'
import { type ApprovalStatus, type ApprovalStore, maxApprovals, maxEach } from './store.ts'

const answerMs = 1000

type Scripted = Record<
  'torwartTake' | 'torwartDecide' | 'torwartSweep',
  (keys: number, ...words: readonly (string | number)[]) => Promise<unknown>
>

/** @param onError every failure of a connection */
export function createRedisApprovals(servers: RedisServers, onError: (error: Error) => void): ApprovalStore {
  const key = `{${servers.prefix}}:approvals`
  const lua = (name: string) => ({ lua: readFileSync(new URL(`./lua/${name}.lua`, import.meta.url), 'utf8') })
  const scripts = { torwartTake: lua('take'), torwartDecide: lua('decide'), torwartSweep: lua('sweep') }
  const connection = connectRedis(servers, answerMs, scripts, onError)
  const script = connection as unknown as Scripted
  const news = newsOn(key, servers, answerMs, onError)
  const ask = <T>(command: () => Promise<T>): Promise<T> => {
    revive(connection)
    news.revive()
    return within(command(), answerMs)
  }
  return {
    async take(approval, validMs) {
      const [kind, found, over] = textsOf(
        await ask(() =>
          script.torwartTake(1, key, JSON.stringify(approval), validMs ?? -1, maxApprovals, maxEach),
        ),
      )
      return [standingOf(kind, read(found)), read(over)]
    },
    async decide(id, { state, by, why }) {
      const [kind, found] = textsOf(
        await ask(() => script.torwartDecide(1, key, key, id, state, by, why ?? '')),
      )
      const approval = read(found)
      if (kind === 'done' && approval) return { kind, approval }
      return { kind: kind === 'decided' ? kind : 'unknown' }
    },
    async list() {
      const found = (await ask(() => connection.hvals(key))).map(read)
      return found.filter((each) => each !== undefined)
    },
    async sweep() {
      const overs = textsOf(await ask(() => script.torwartSweep(1, key))).map(read)
      return overs.filter((each) => each !== undefined)
    },
    onNews: news.listen,
    close() {
      connection.disconnect()
      news.close()
    },
  }
}

function standingOf(kind: string | undefined, approval: Approval | undefined): ApprovalStatus {
  if (kind === 'gone' || kind === 'full') return { kind }
  if (!approval) throw new TypeError('that is no approval')
  if (kind === 'passed' || kind === 'denied') return { kind, approval }
  return { kind: 'pending', approval, fresh: kind === 'asked' }
}

function textsOf(value: unknown): string[] {
  return Array.isArray(value) ? value.map(String) : []
}

function read(text: string | undefined): Approval | undefined {
  return readApproval(tryJson(text ?? ''))
}
