/** The sign-in: by the admin token, by the key of an approver or viewer, or by a one-time link. */
import { useEffect, useState } from 'preact/hooks'
import { send, sessionPath } from '../api/client.ts'
import type { Session } from '../api/types.ts'
import { Problem } from '../parts/basics.tsx'
import { TextField } from '../parts/fields.tsx'
import { LanguageField } from '../parts/language.tsx'
import { useAction } from '../parts/load.ts'
import { type Language, t } from '../texts/texts.ts'

/** Why nobody is signed in. */
export type SignedOut = 'first' | 'over' | 'idle' | 'left'

/** The page of whoever is not signed in. */
export function SignIn({
  why,
  onSession,
  onLanguage,
}: {
  why: SignedOut
  onSession: (session: Session) => void
  onLanguage: (language: Language) => void
}) {
  const [secret, setSecret] = useState('')
  const { isBusy, problem, run } = useAction()
  const signIn = (credential: object) =>
    run(async () => onSession(await send<Session>('POST', sessionPath, credential)))
  useEffect(() => {
    document.title = `${t('signIn.title')} · Torwart`
    const link = /^#link=(.+)$/.exec(location.hash)?.[1]
    if (link === undefined) return
    // It works once, and is nobody's business afterwards.
    history.replaceState(null, '', location.pathname + location.search)
    void signIn({ link: decodeURIComponent(link) })
  }, [])
  const given = secret.trim()
  return (
    <main class="sign-in">
      <form
        class="card form stacked"
        aria-label={t('signIn.title')}
        onSubmit={(event) => {
          event.preventDefault()
          void signIn(given.startsWith('tw_') ? { key: given } : { token: given })
        }}
      >
        <h1>Torwart</h1>
        {why !== 'first' && (
          <p class="notice" role="status">
            {t(`signIn.${why}`)}
          </p>
        )}
        <TextField
          label="signIn.secret"
          hint="signIn.hint"
          type="password"
          value={secret}
          isRequired
          autoFocus
          onChange={setSecret}
        />
        <Problem error={problem} />
        <div class="actions">
          <button type="submit" class="primary" disabled={isBusy}>
            {t('signIn.enter')}
          </button>
          <LanguageField onLanguage={onLanguage} />
        </div>
      </form>
    </main>
  )
}
