/** How Redis is reached, from what the policy file says. Messages never repeat a URL, which may hold a password. */
import { resolve } from 'node:path'
import type { RedisServers } from '../core/redis-servers.ts'
import { isReadable } from './readable.ts'
import type { Config } from './schema/schema.ts'
import type { Report } from './source.ts'
import { urlFault } from './url-fault.ts'

const schemes = ['redis:', 'rediss:']

/** Compiles `store`. Returns undefined if there is no Redis, or its URL is reported. */
export function compileRedis(
  { redis, kind, master, sentinelPassword, ca, prefix }: Config['store'],
  folder: string,
  report: Report,
): RedisServers | undefined {
  if (redis === undefined) return undefined
  const [first, ...others] = redis.split(',').map((url) => url.trim())
  const path = ['store', 'redis']
  if (first === undefined || ![first, ...others].every(isRedisUrl)) {
    const faults = redis.split(',').map((url) => urlFault(url.trim(), { schemes, isShown: false }))
    const fault = faults.find((each) => each !== undefined)
    report(
      path,
      fault === undefined || fault.startsWith('is not a URL')
        ? 'must be a redis:// or rediss:// URL, with a password whose special characters are percent-encoded'
        : fault,
    )
    return undefined
  }
  if (kind === 'single' && others.length > 0)
    report(path, 'has several URLs, which needs `kind: sentinel` or `kind: cluster`')
  if (new Set([first, ...others].map((url) => new URL(url).protocol)).size > 1)
    report(path, 'mixes redis:// and rediss://')
  if (kind === 'cluster' && !/^\/?0?$/.test(new URL(first).pathname))
    report(path, 'names a database, but a cluster has only one')
  const file = ca === undefined ? undefined : resolve(folder, ca)
  if (file !== undefined && !isReadable(file)) report(['store', 'ca'], `cannot be read: ${ca}`)
  if (file !== undefined && !first.startsWith('rediss:'))
    report(['store', 'ca'], 'has no effect with redis://: TLS needs rediss://')
  return { urls: [first, ...others], kind, master, sentinelPassword, ca: file, prefix }
}

function isRedisUrl(text: string): boolean {
  if (!URL.canParse(text)) return false
  const { protocol, hostname, pathname, search, hash, username, password } = new URL(text)
  if (![username, password].every(isDecodable)) return false
  return /^rediss?:$/.test(protocol) && hostname !== '' && /^\/?\d*$/.test(pathname) && search + hash === ''
}

function isDecodable(text: string): boolean {
  try {
    decodeURIComponent(text)
    return true
  } catch {
    return false
  }
}
