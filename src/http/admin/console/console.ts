/**
 * The console: pages for people on the admin listener, and their sessions. No request of a client comes near it; with
 * `admin.console: false` none of it is there.
 */
import cookie from '@fastify/cookie'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Clock } from '../../../core/clock.ts'
import type { Policy } from '../../../policy/policy.ts'
import { clientAddressOf } from '../../data/connections.ts'
import type { AdminLogins } from '../admin-logins.ts'
import { type CredentialParts, createCredentials } from './credentials.ts'
import type { LiveSource } from './live/feed.ts'
import { registerLive } from './live/live-api.ts'
import { LiveViews } from './live/views.ts'
import { registerPages } from './pages.ts'
import { registerRecords } from './records-api.ts'
import { createSessionFinder, type OpenSessionFinder, registerSessionApi } from './session-api.ts'
import { Sessions } from './sessions.ts'
import { SignInLinks } from './sign-in-links.ts'

/** What the console needs. */
export interface ConsoleParts extends Omit<CredentialParts, 'links' | 'nowMs'> {
  readonly clock: Clock
  door(): Policy['door']
  recordEvent(event: string, details: object): void
  /** Tells how the gateway is, as JSON. */
  status(): Promise<object>
  /** The log. */
  readonly auditFile: string
  /** Where its live views get their lines from. */
  readonly feed: LiveSource
  /** Where its built files are. */
  readonly pages: string
}

/** How often sessions are looked through for those that are over. */
const sweepMs = 1000

/** The console of a gateway. */
export class Console {
  /** Finds the sessions of requests. */
  readonly finder: OpenSessionFinder
  readonly #parts: ConsoleParts
  readonly #sessions: Sessions
  readonly #links: SignInLinks
  readonly #views: LiveViews
  readonly #sweeping: NodeJS.Timeout

  constructor(parts: ConsoleParts) {
    this.#parts = parts
    this.#sessions = new Sessions(parts.clock)
    this.#links = new SignInLinks(parts.clock)
    this.#views = new LiveViews(parts.feed, parts.clock.wallMs)
    this.finder = createSessionFinder(this.#sessions, this.#peerOf, parts.reloadFiles)
    this.#sweeping = setInterval(() => this.#sessions.sweep(), sweepMs)
    this.#sweeping.unref()
  }

  /** Registers its routes. */
  register(app: FastifyInstance, logins: AdminLogins): void {
    const { clock, recordEvent, pages } = this.#parts
    app.register(cookie)
    registerPages(app, {
      ...{ finder: this.finder, folder: pages },
      policy: () => this.#parts.current().policy,
    })
    app.get('/admin/v1/status', () => this.#parts.status())
    registerLive(app, this.#views)
    registerRecords(app, { file: this.#parts.auditFile, nowMs: clock.wallMs })
    registerSessionApi(app, {
      ...{ sessions: this.#sessions, finder: this.finder, logins, peerOf: this.#peerOf, recordEvent },
      credentials: createCredentials({ ...this.#parts, links: this.#links, nowMs: clock.wallMs }),
    })
  }

  /** Makes the secret of a link that signs in once, as administrator. */
  makeSignInLink(): string {
    return this.#links.make()
  }

  /** Ends live views and signs everybody out. */
  close(): void {
    clearInterval(this.#sweeping)
    this.#views.close()
    this.#sessions.close()
  }

  readonly #peerOf = ({ raw }: Pick<FastifyRequest, 'raw'>) => clientAddressOf(raw, this.#parts.door())
}
