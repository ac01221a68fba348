/** Asks the Redis of the policy about its settings, and whether it answers strangers. */
import type { RedisServers } from '../../core/redis-servers.ts'
import { isLoopback } from '../../policy/address.ts'
import { type Connection, connect } from '../../redis/connection.ts'
import type { Looked, RedisFacts } from '../facts.ts'
import { within } from './within.ts'

const withinMs = 1000

/** Reads the facts of Redis. Takes about two seconds at most. */
export async function readRedis(servers: RedisServers): Promise<Looked<RedisFacts>> {
  const [settings, isOpen] = await Promise.all([
    asked(servers, settingsOf),
    hasPassword(servers) ? asked(anonymous(servers), async () => true) : undefined,
  ])
  if (settings === undefined) return { why: 'Redis does not answer within a second, or refuses the password' }
  const [url] = servers.urls
  return {
    value: {
      ...settings,
      isLoopback: isLoopback(new URL(url).hostname.replace(/^\[|\]$/g, '')),
      isOpen: hasPassword(servers) ? isOpen === true : true,
    },
  }
}

function hasPassword({ urls }: RedisServers): boolean {
  return new URL(urls[0]).password !== ''
}

function anonymous(servers: RedisServers): RedisServers {
  const bare = (text: string) => {
    const url = new URL(text)
    url.username = ''
    url.password = ''
    return url.href
  }
  const [first, ...others] = servers.urls
  return { ...servers, urls: [bare(first), ...others.map(bare)] }
}

/** Connects, asks and disconnects. @returns undefined if it takes too long or is refused */
async function asked<T>(
  servers: RedisServers,
  question: (connection: Connection) => Promise<T>,
): Promise<T | undefined> {
  const connection = connect(servers, withinMs, () => {})
  try {
    const ready = new Promise<void>((resolve, reject) => {
      connection.once('ready', resolve)
      connection.once('close', () => reject(new Error('closed')))
    })
    return await within(
      withinMs,
      ready.then(() => question(connection)),
    )
  } catch {
    return undefined
  } finally {
    connection.disconnect()
  }
}

async function settingsOf(
  connection: Connection,
): Promise<Pick<RedisFacts, 'evictionPolicy' | 'isPersistent'>> {
  const info = await connection.info()
  const told = (name: string) => new RegExp(`^${name}:(\\S+)`, 'm').exec(info)?.[1]
  const saves = await connection.config('GET', 'save').then(
    (answer) => (Array.isArray(answer) && typeof answer[1] === 'string' ? answer[1] !== '' : undefined),
    () => undefined,
  )
  return {
    evictionPolicy: told('maxmemory_policy'),
    isPersistent: told('aof_enabled') === '1' ? true : saves,
  }
}
