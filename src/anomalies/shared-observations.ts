/**
 * Observations of several gateways on one Redis. Each gateway appends what it has seen to one stream, and each reads all of it
 * in the order of the stream, so that all of them learn the same and see the same. What was learned is kept there as well, for a
 * gateway that joins. Networks come as digests; the salt is the same for all.
 */
import { randomBytes } from 'node:crypto'
import { promisify } from 'node:util'
import { gunzip, gzip } from 'node:zlib'
import Type from 'typebox'
import Value from 'typebox/value'
import { tryJson } from '../core/json.ts'
import type { RedisClient } from '../redis/client.ts'
import type { Observation } from './observation.ts'
import { readState, type WatchState } from './state-file.ts'

/** A part of the stream. */
export interface StreamPart {
  readonly observations: readonly Observation[]
  /** Where the next part begins. */
  readonly position: string
  /** There may be more. */
  readonly isFull: boolean
}

/** What gateways on one Redis share. Every operation throws RedisUnavailable if Redis does not answer. */
export interface SharedObservations {
  /** Returns the salt of all gateways; `mine` if there was none. */
  salt(mine: string): Promise<string>
  publish(observations: readonly Observation[]): Promise<void>
  /** Reads what follows `position`; empty: from the beginning. */
  read(position: string): Promise<StreamPart>
  /** Whether this gateway is the first to ask for something; the question is forgotten after `forMs`. */
  claim(what: string, forMs: number): Promise<boolean>
  /** Keeps a state for gateways that join, unless it is too large. */
  /** @param text what `stateText` wrote */
  saveState(text: string): Promise<void>
  loadState(): Promise<WatchState | undefined>
}

/** Observations in one entry of the stream. */
const perEntry = 64
/** Entries of the stream, some 60 MB if all are full; Redis drops the oldest. */
const maxEntries = 2000
/** Entries that are read at a time. */
const maxRead = 100
/** The stream of gateways that are gone disappears. */
const streamMs = 2 * 3_600_000
const stateMs = 30 * 86_400_000
/** Compressed. */
const maxStateBytes = 8 * 1024 * 1024
const maxStateText = 256 * 1024 * 1024

const count = Type.Number({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })
const orNull = <T extends Type.TSchema>(schema: T) => Type.Union([schema, Type.Null()])
const name = Type.String({ maxLength: 512 })
const observation = Type.Object(
  {
    atMs: count,
    id: Type.String({ maxLength: 64 }),
    key: orNull(name),
    model: orNull(name),
    digest: orNull(name),
    outcome: Type.String({ maxLength: 64 }),
    inputTokens: orNull(count),
    outputTokens: orNull(count),
    promptLength: count,
    answerLength: orNull(count),
    findings: count,
    tools: Type.Array(name, { maxItems: 8 }),
    firstTokenMs: orNull(count),
    network: orNull(Type.String({ maxLength: 64 })),
    answer: orNull(
      Type.Object(
        {
          refuses: Type.Boolean(),
          script: Type.String({ maxLength: 32 }),
          grams: Type.Array(count, { maxItems: 256 }),
        },
        { additionalProperties: false },
      ),
    ),
  },
  { additionalProperties: false },
)

/** Reaches what the gateways of a Redis share. */
export function shareObservations(redis: RedisClient): SharedObservations {
  const key = `${redis.prefix}anomalies`
  const [saltKey, stateKey] = [`${key}:salt`, `${key}:state`]
  const mark = randomBytes(8).toString('hex')
  return {
    async salt(mine) {
      await redis.ask((connection) => connection.set(saltKey, mine, 'NX'))
      const salt = await redis.ask((connection) => connection.get(saltKey))
      return salt ?? mine
    },
    async publish(observations) {
      for (let at = 0; at < observations.length; at += perEntry) {
        const batch = JSON.stringify(observations.slice(at, at + perEntry))
        await redis.ask((connection) => connection.xadd(key, 'MAXLEN', '~', maxEntries, '*', 'o', batch))
      }
      if (observations.length > 0) await redis.ask((connection) => connection.pexpire(key, streamMs))
    },
    async read(position) {
      const from = position === '' ? '-' : `(${position}`
      const entries = await redis.ask((connection) => connection.xrange(key, from, '+', 'COUNT', maxRead))
      const observations = entries.flatMap(([, [, batch = '']]) => observationsIn(batch))
      return {
        observations,
        position: entries.at(-1)?.[0] ?? position,
        isFull: entries.length === maxRead,
      }
    },
    async claim(what, forMs) {
      return (
        (await redis.ask((connection) => connection.set(`${key}:${what}`, mark, 'PX', forMs, 'NX'))) === 'OK'
      )
    },
    async saveState(text) {
      const bytes = await promisify(gzip)(text)
      if (bytes.length > maxStateBytes) return
      await redis.ask((connection) => connection.set(stateKey, bytes, 'PX', stateMs), saveMs)
    },
    async loadState() {
      const bytes = await redis.ask((connection) => connection.getBuffer(stateKey), saveMs)
      if (bytes === null) return undefined
      const text = await promisify(gunzip)(bytes, { maxOutputLength: maxStateText })
      return readState(text.toString('utf8'))
    },
  }
}

const saveMs = 5000

function observationsIn(batch: string): Observation[] {
  const values: unknown = tryJson(batch)
  if (!Array.isArray(values)) return []
  return values.slice(0, perEntry).filter((value): value is Observation => Value.Check(observation, value))
}
