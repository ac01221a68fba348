/** The console: signed out it is the sign-in page, signed in a frame with the page that the address names. */
import { useCallback, useEffect, useState } from 'preact/hooks'
import { ApiError, get, onSignedOut, send, sessionPath, takeSession } from './api/client.ts'
import type { Session } from './api/types.ts'
import { Frame } from './frame.tsx'
import { firstPage, pageOf } from './pages/pages.ts'
import { type SignedOut, SignIn } from './pages/sign-in.tsx'
import { Problem } from './parts/basics.tsx'
import { useIdleEnd } from './parts/idle.ts'
import { go, pathTo, useRoute } from './parts/route.ts'
import { SessionContext } from './parts/session.ts'
import { language, setLanguage, t } from './texts/texts.ts'

type State = Session | SignedOut | ApiError | 'asking'

/** The whole of the console. */
export function App() {
  const [state, setState] = useState<State>('asking')
  const [shownIn, setShownIn] = useState(language)
  const changeLanguage = (wanted: typeof shownIn) => {
    setLanguage(wanted)
    setShownIn(wanted)
  }
  const end = useCallback((why: SignedOut) => {
    takeSession(null)
    setState(why)
  }, [])
  const begin = useCallback((session: Session) => {
    takeSession(session)
    setState(session)
  }, [])
  const ask = useCallback(() => {
    get<Session>(sessionPath).then(begin, (error: unknown) => {
      const isNobody = error instanceof ApiError && error.status === 401
      setState(isNobody ? 'first' : error instanceof ApiError ? error : new ApiError(0, String(error)))
    })
  }, [begin])
  useEffect(() => {
    onSignedOut(() => {
      takeSession(null)
      // What was on its way when somebody signed out says nothing new.
      setState((before) => (isSession(before) ? 'over' : before))
    })
    // A one-time link is meant for whoever follows it, whoever was signed in before.
    if (location.hash.startsWith('#link=')) setState('first')
    else ask()
  }, [ask])

  const leave = (why: SignedOut) =>
    void send('DELETE', sessionPath)
      .catch(() => {})
      .then(() => end(why))
  if (state === 'asking') return null
  if (state instanceof ApiError) return <Unreachable error={state} onRetry={ask} />
  if (typeof state === 'string')
    return <SignIn key={shownIn} why={state} onSession={begin} onLanguage={changeLanguage} />
  return (
    <SessionContext.Provider key={shownIn} value={state}>
      <SignedIn session={state} onLeave={leave} onLanguage={changeLanguage} />
    </SessionContext.Provider>
  )
}

function isSession(state: State): state is Session {
  return typeof state === 'object' && !(state instanceof ApiError)
}

function Unreachable({ error, onRetry }: { error: ApiError; onRetry: () => void }) {
  return (
    <main class="sign-in">
      <div class="card">
        <h1>Torwart</h1>
        <Problem error={error} />
        <button type="button" onClick={onRetry}>
          {t('problem.retry')}
        </button>
      </div>
    </main>
  )
}

function SignedIn({
  session,
  onLeave,
  onLanguage,
}: {
  session: Session
  onLeave: (why: SignedOut) => void
  onLanguage: Parameters<typeof Frame>[0]['onLanguage']
}) {
  const route = useRoute()
  const page = pageOf(route.page, session)
  const idle = useIdleEnd(session, () => onLeave('idle'))
  useEffect(() => {
    if (!page) go(pathTo(firstPage(session)), true)
  }, [page, session])
  // A new page is a new place for whoever reads by ear or by keyboard.
  useEffect(() => {
    const heading = document.querySelector('h1')
    if (heading instanceof HTMLElement && route.id === undefined) heading.focus({ preventScroll: true })
    scrollTo(0, 0)
  }, [route.page])
  if (!page) return null
  const { View } = page
  return (
    <Frame session={session} page={page} idle={idle} onLeave={() => onLeave('left')} onLanguage={onLanguage}>
      <View key={page.name} route={route} />
    </Frame>
  )
}
