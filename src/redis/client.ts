/**
 * The one way to a Redis: limits, freezes, approvals, tool calls and keys share one connection for commands, one for
 * messages, and one judgement of whether Redis can be asked. Nothing waits in them: without a connection a command fails
 * at once, and none is ever sent a second time.
 */
import type { RedisServers } from '../core/redis-servers.ts'
import { Availability, type Budget, type RedisObserver } from './availability.ts'
import { type Connection, connect, revive } from './connection.ts'
import { type RedisTrouble, redisTrouble } from './faults.ts'
import { createSubscriber } from './subscriber.ts'

/** Runs a Lua script, atomically. Its name is sent where Redis knows it, and its text where it does not. */
export type RunScript = (keys: readonly string[], words: readonly (string | number)[]) => Promise<unknown>

/** A gateway's or a command's way to its Redis. */
export interface RedisClient {
  /** What every key and channel begins with: in a cluster all of them are on one node, where a script may use them. */
  readonly prefix: string
  /** How long an answer to a request may take, in milliseconds. */
  readonly timeoutMs: number
  /** Whether Redis answered when it was asked last. */
  readonly up: boolean
  /** Describes an error of this client for the log. */
  trouble(error: unknown): RedisTrouble
  observe(observer: RedisObserver): void
  /** Adds what must have succeeded before anything is asked; see `Availability.prepare`. */
  prepare(probe: (connection: Connection) => Promise<unknown>): void
  /** @param name unique among the scripts of this client */
  script(name: string, lua: string): RunScript
  /** Asks for a request; see `Availability.call`. @throws RedisUnavailable */
  call<T>(command: (connection: Connection) => Promise<T>, budget: Budget, undo?: () => void): Promise<T>
  /** Asks what no request waits for; see `Availability.ask`. @throws RedisUnavailable after `answerMs`, or a second */
  ask<T>(command: (connection: Connection) => Promise<T>, answerMs?: number): Promise<T>
  /** Asks whether Redis answers right now. */
  check(): Promise<boolean>
  /** Resolves when Redis is available, or after `patienceMs`. */
  opened(patienceMs: number): Promise<void>
  /** See `Subscriber.listen`. */
  listen(channel: string, listener: () => void): () => void
  /** Closes both connections, behind everything that was sent. */
  close(): Promise<void>
}

const standardAnswerMs = 1000

/** Begins to connect. @param timeoutMs how long an answer to a request may take */
export function createRedisClient(servers: RedisServers, timeoutMs: number): RedisClient {
  let latest: Error | undefined
  const note = (error: Error) => {
    latest = error
    availability.note(error)
  }
  const connection = connect(servers, timeoutMs, note)
  const subscriber = createSubscriber(() => connect(servers, timeoutMs, note), note)
  const prefix = `{${servers.prefix}}:`
  let closed = false
  const availability = new Availability(timeoutMs, () => {
    if (!closed) revive(connection)
    return connection.ping()
  })
  connection.on('ready', () => {
    latest = undefined
    availability.retry()
  })
  return {
    prefix,
    timeoutMs,
    get up() {
      return availability.up
    },
    trouble: (error) => redisTrouble(error, latest, servers),
    observe: (observer) => availability.observe(observer),
    prepare: (probe) => availability.prepare(() => probe(connection)),
    script(name, lua) {
      connection.defineCommand(name, { lua })
      const run: unknown = Reflect.get(connection, name)
      if (typeof run !== 'function') throw new TypeError(`${name} cannot be run`)
      return (keys, words) => Reflect.apply(run, connection, [keys.length, ...keys, ...words])
    },
    call: (command, budget, undo) => availability.call(() => command(connection), budget, undo),
    ask(command, answerMs = standardAnswerMs) {
      if (!closed) subscriber.revive()
      return availability.ask(() => command(connection), answerMs)
    },
    check: () => availability.check(),
    opened: (patienceMs) => availability.opened(patienceMs),
    listen: subscriber.listen,
    async close() {
      // A Redis that is away is not waited for longer than a request would.
      closed = true
      const quit = () => connection.quit()
      if (availability.up) await availability.call(quit, { leftMs: timeoutMs }).catch(() => {})
      availability.close()
      connection.disconnect()
      subscriber.close()
    },
  }
}
