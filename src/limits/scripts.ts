/** The scripts of `lua/`, each with what it shares with the others in front of it. */
import { readFileSync } from 'node:fs'
import type { Connection, Scripts } from '../redis/connect.ts'

const shared = ['window', 'breaker', 'leases', 'seen']
const names = {
  torwartAdmit: 'admit',
  torwartReserve: 'reserve',
  torwartRenew: 'renew',
  torwartSettle: 'settle',
  torwartCloseBreaker: 'close-breaker',
} as const

/** Keys, then arguments; see the head of each script. */
type Run = (keys: readonly string[], words: readonly (string | number)[]) => Promise<readonly number[]>
export type LimitScripts = { readonly [K in keyof typeof names]: Run }

/** @param serverTime for tests: a Lua expression of milliseconds that stands in for the server's clock */
export function limitScripts(serverTime?: string): Scripts {
  const read = (name: string) => readFileSync(new URL(`./lua/${name}.lua`, import.meta.url), 'utf8')
  const clock = serverTime === undefined ? '' : `now_ms = function() return ${serverTime} end\n`
  const library = shared.map(read).join('\n') + clock
  return Object.fromEntries(
    Object.entries(names).map(([method, name]) => [method, { lua: `${library}\n${read(name)}` }]),
  )
}

/** The scripts as functions. How many keys there are is told with every call. */
export function runnersOf(connection: Connection): LimitScripts {
  const methods = connection as unknown as Record<
    string,
    (...words: readonly (string | number)[]) => Promise<readonly number[]>
  >
  const runner =
    (method: string): Run =>
    (keys, words) =>
      methods[method]?.(keys.length, ...keys, ...words) ?? Promise.reject(new Error('no such script'))
  return {
    torwartAdmit: runner('torwartAdmit'),
    torwartReserve: runner('torwartReserve'),
    torwartRenew: runner('torwartRenew'),
    torwartSettle: runner('torwartSettle'),
    torwartCloseBreaker: runner('torwartCloseBreaker'),
  }
}
