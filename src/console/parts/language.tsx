/** The choice of the language. */
import { type Language, language, languages, t } from '../texts/texts.ts'

/** A field to choose the language; each is named in itself. */
export function LanguageField({ onLanguage }: { onLanguage: (language: Language) => void }) {
  return (
    <select
      aria-label={t('language')}
      value={language()}
      onChange={({ currentTarget }) => {
        const wanted = languages.find(([name]) => name === currentTarget.value)
        if (wanted) onLanguage(wanted[0])
      }}
    >
      {languages.map(([name, shown]) => (
        <option key={name} value={name} lang={name}>
          {shown}
        </option>
      ))}
    </select>
  )
}
