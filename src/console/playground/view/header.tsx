/** The top of the page: what it is, and its language. */
import type { RefObject } from 'preact'
import type { Language } from '../words/languages.ts'
import type { Words } from '../words/words.ts'

interface Props {
  readonly words: Words
  readonly language: Language
  readonly onLanguage: (language: Language) => void
  readonly resultRef: RefObject<HTMLDivElement | null>
}

const names = { en: 'English', de: 'Deutsch' } as const

/** The header. */
export function Header({ words, language, onLanguage, resultRef }: Props) {
  return (
    <header>
      <button type="button" class="skip" onClick={() => resultRef.current?.focus()}>
        {words.skip}
      </button>
      <div>
        <h1>
          <span class="brand">Torwart</span> {words.title}
        </h1>
        <p>{words.lead}</p>
      </div>
      <nav class="languages" aria-label={words.language}>
        {(['en', 'de'] as const).map((each) => (
          <button
            type="button"
            key={each}
            lang={each}
            aria-pressed={each === language}
            onClick={() => onLanguage(each)}
          >
            {names[each]}
          </button>
        ))}
      </nav>
    </header>
  )
}
