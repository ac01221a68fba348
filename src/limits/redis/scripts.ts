/**
 * The operations of `lua/` as one script, which carries out a whole batch of them: what is asked in the same turn of
 * the event loop travels together. Sending one command for each costs twice as much CPU (ioredis 6, with its own
 * pipelining three times).
 */
import { readFileSync } from 'node:fs'
import type { RedisClient } from '../../redis/client.ts'
import {
  coolDownMs,
  dayMs,
  forgetOpeningsMs,
  maxCoolDownMs,
  minuteMs,
  soonMs,
  stepsPerWindow,
} from '../store.ts'

const shared = ['month', 'account', 'breaker', 'leases', 'seen']
const operations = ['admit', 'reserve', 'renew', 'settle', 'refund', 'close-breaker', 'use'] as const

/** Keys and arguments as the head of its file says. */
export interface Operation {
  readonly name: (typeof operations)[number]
  readonly keys: readonly string[]
  readonly words: readonly (string | number)[]
  /** In server time; absent: it is carried out whenever it comes. */
  readonly deadlineMs?: number
  /** Carried out only if the operation in front of it began its answer with 0; otherwise it answers nothing. */
  readonly follows?: true
}

/** Whether it was not carried out because it came after its deadline. */
export function isLate(answer: readonly number[]): boolean {
  return answer.length === 1 && answer[0] === -1
}

/** Answers in the order of the operations. @throws whatever Redis or the connection says, for all of them */
export type RunOperations = (operations: readonly Operation[]) => Promise<readonly (readonly number[])[]>

/** So that Redis and memory cannot count by different numbers. */
const constants = Object.entries({
  SLOTS: stepsPerWindow + 1,
  MINUTE_STEP: minuteMs / stepsPerWindow,
  DAY_STEP: dayMs / stepsPerWindow,
  SOON_MS: soonMs,
  COOL_MS: coolDownMs,
  LONGEST_MS: maxCoolDownMs,
  FORGET_MS: forgetOpeningsMs,
})
  .map(([name, number]) => `local ${name} = ${number}`)
  .join('\n')

function limitScript(serverTime: string | undefined): string {
  const read = (name: string) => readFileSync(new URL(`./lua/${name}.lua`, import.meta.url), 'utf8')
  const clock = serverTime === undefined ? '' : `now_ms = function() return ${serverTime} end`
  const functions = operations.map(
    (name, index) => `operations[${index + 1}] = function(KEYS, ARGV)\n${read(name)}\nend`,
  )
  return [constants, ...shared.map(read), clock, 'local operations = {}', ...functions, read('batch')].join(
    '\n',
  )
}

/**
 * Makes what carries out operations.
 * @param onTime told when each batch was carried out, in server time
 * @param serverTime for tests: a Lua expression of milliseconds that stands in for the server's clock
 */
export function operationsOn(
  redis: RedisClient,
  onTime: (serverMs: number) => void,
  serverTime?: string,
): RunOperations {
  const run = redis.script('torwartLimits', limitScript(serverTime))
  return async (batch) => {
    const keys: string[] = []
    const words: (string | number)[] = []
    for (const each of batch) {
      keys.push(...each.keys)
      const { name, deadlineMs = 0, follows } = each
      const number = operations.indexOf(name) + 1
      words.push(number, deadlineMs, follows ? 1 : 0, each.keys.length, each.words.length, ...each.words)
    }
    const answers = await run(keys, words)
    if (!areAnswers(answers)) throw new TypeError('unexpected reply from Redis')
    const [serverMs] = answers.at(-1) ?? []
    if (serverMs !== undefined) onTime(serverMs)
    return answers
  }
}

function areAnswers(value: unknown): value is readonly (readonly number[])[] {
  const isAnswer = (each: unknown) => Array.isArray(each) && each.every((word) => typeof word === 'number')
  return Array.isArray(value) && value.every(isAnswer)
}
