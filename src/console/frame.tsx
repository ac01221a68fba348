/** What stands around every page: where one can go, who is signed in, and what waits. */
import type { ComponentChildren } from 'preact'
import { useContext } from 'preact/hooks'
import { get } from './api/client.ts'
import type { Session, Status } from './api/types.ts'
import { type Page, pagesOf } from './pages/pages.ts'
import { clockTime, offset } from './parts/format.ts'
import type { IdleEnd } from './parts/idle.ts'
import { LanguageField } from './parts/language.tsx'
import { useLoad } from './parts/load.ts'
import { pathTo } from './parts/route.ts'
import { hasRight, SessionContext } from './parts/session.ts'
import type { Language } from './texts/texts.ts'
import { t } from './texts/texts.ts'

const statusMs = 5000

/** The frame with a page in it. */
export function Frame({
  session,
  page,
  idle,
  onLeave,
  onLanguage,
  children,
}: {
  session: Session
  page: Page
  idle: IdleEnd
  onLeave: () => void
  onLanguage: (language: Language) => void
  children: ComponentChildren
}) {
  return (
    <div class="frame">
      <a class="skip" href="#page">
        {t('nav.skip')}
      </a>
      <header class="bar">
        <a class="brand" href={pathTo('')}>
          Torwart
        </a>
        <Navigation session={session} current={page.name} />
        <div class="who">
          <span class="who-name" title={session.who}>
            {session.who}
          </span>
          <span class="dim">{t(`role.${session.role}`)}</span>
          <span class="dim" title={t('session.why')}>
            {t('session.ends', { time: clockTime(idle.endsAt) })}
          </span>
          <span class="dim">{t('session.zone', { zone: offset() })}</span>
          <LanguageField onLanguage={onLanguage} />
          <button type="button" onClick={onLeave}>
            {t('session.leave')}
          </button>
        </div>
      </header>
      {idle.isNear && (
        <div class="notice" role="alert">
          {t('session.near')}{' '}
          <button type="button" onClick={idle.stay}>
            {t('session.stay')}
          </button>
        </div>
      )}
      <main id="page" tabIndex={-1}>
        {children}
      </main>
    </div>
  )
}

function Navigation({ session, current }: { session: Session; current: string }) {
  const counts = useCounts()
  return (
    <nav aria-label={t('nav.label')}>
      <ul>
        {pagesOf(session).map(({ name, title }) => {
          const count = counts[name] ?? 0
          return (
            <li key={name}>
              <a href={pathTo(name)} aria-current={name === current ? 'page' : undefined}>
                {t(title)}
                {count > 0 && (
                  <span
                    class="count"
                    title={t(
                      `nav.count.${name === 'freezes' ? 'freezes' : name === 'audit' ? 'anomalies' : 'approvals'}`,
                      { count },
                    )}
                  >
                    {count}
                  </span>
                )}
              </a>
            </li>
          )
        })}
        {hasRight(session, 'read') && (
          <li>
            <a href={pathTo('playground')}>{t('nav.playground')}</a>
          </li>
        )}
      </ul>
    </nav>
  )
}

/** What waits or is frozen, by page. Who may not read the status sees no numbers. */
function useCounts(): Readonly<Record<string, number>> {
  const session = useContext(SessionContext)
  const mayRead = session !== null && hasRight(session, 'read')
  const { data } = useLoad<Status | null>(
    `status ${mayRead}`,
    (options) => (mayRead ? get<Status>('/admin/v1/status', options) : Promise.resolve(null)),
    statusMs,
  )
  return data ? { approvals: data.approvals, freezes: data.freezes, audit: data.anomalies } : {}
}
