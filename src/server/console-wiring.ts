/** What the console knows of the gateway that it belongs to, and how it learns of requests. */
import { Console } from '../http/admin/console/console.ts'
import { FeedSender, LocalFeed } from '../http/admin/console/live/feed.ts'
import type { LiveRow } from '../http/admin/console/live/row.ts'
import { builtPages } from '../http/admin/console/pages.ts'
import type { Readiness } from '../http/admin/health.ts'
import type { Handlers } from '../workers/channel.ts'
import type { Closers } from './closers.ts'
import { statusOf } from './console-status.ts'
import type { Foundation } from './foundation.ts'
import type { Part } from './part.ts'
import type { Services } from './services.ts'
import type { Workers } from './workers.ts'

/** Opens the console; its owner closes it. */
export function openConsole(
  foundation: Foundation,
  services: Services,
  workers: Workers | undefined,
  readiness: () => Promise<Readiness>,
): Console {
  const { freezes, lookAgain } = services
  const { atStart, policy, snapshots, clock, recordEvent } = foundation
  return new Console({
    ...{ clock, recordEvent, freezes },
    token: () => atStart.admin.token,
    reloadFiles: lookAgain,
    current: () => snapshots.current,
    door: () => policy().door,
    pages: builtPages,
    status: async () => statusOf(foundation, services, await readiness(), workers),
    auditFile: atStart.audit.file,
    feed: workers?.feed ?? openFeed(foundation, ''),
  })
}

/** Remembers the newest records of this process. @param chain that it writes */
function openFeed({ observers }: Foundation, chain: string): LocalFeed {
  const feed = new LocalFeed(chain)
  observers.add(({ record }) => feed.note(record))
  return feed
}

/** Lets the primary watch what this worker serves. @returns what it answers */
export function serveFeed(
  foundation: Foundation,
  { channel, worker }: Part & { readonly kind: 'worker' },
  closers: Closers,
): Handlers {
  if (!foundation.atStart.admin.console) return {}
  const feed = openFeed(foundation, `w${worker}`)
  const sender = new FeedSender(feed, {
    send: (rows: readonly LiveRow[], dropped: number) => channel.tell('live.rows', [rows, dropped]),
  })
  closers.add(() => sender.close())
  return { 'live.recent': () => feed.recent(), 'live.watch': () => sender.go() }
}
