/** Fields of forms, each with its label. */
import type { ComponentChildren } from 'preact'
import { useId } from 'preact/hooks'
import { type TextKey, t } from '../texts/texts.ts'

interface FieldProps {
  readonly label: TextKey
  readonly value: string
  readonly hint?: TextKey
  onChange(value: string): void
}

/** A line of text. @param options are proposed, and anything else is taken, too */
export function TextField({
  label,
  value,
  hint,
  onChange,
  type = 'text',
  isRequired = false,
  options,
  autoFocus = false,
}: FieldProps & {
  readonly type?: 'text' | 'password'
  readonly isRequired?: boolean
  readonly options?: readonly string[]
  readonly autoFocus?: boolean
}) {
  const id = useId()
  const list = options ? `${id}-list` : undefined
  return (
    <div class="field">
      <label for={id}>{t(label)}</label>
      <input
        id={id}
        {...kindOf(type, list)}
        value={value}
        required={isRequired}
        // biome-ignore lint/a11y/noAutofocus: only where a form is all that a page or a dialog has.
        autoFocus={autoFocus}
        autocomplete={type === 'password' ? 'current-password' : 'off'}
        spellcheck={false}
        maxLength={type === 'password' ? 4096 : 512}
        aria-describedby={hint ? `${id}-hint` : undefined}
        onInput={(event) => onChange(event.currentTarget.value)}
      />
      {options && (
        <datalist id={list}>
          {options.map((option) => (
            <option key={option} value={option} />
          ))}
        </datalist>
      )}
      {hint && (
        <p class="hint" id={`${id}-hint`}>
          {t(hint)}
        </p>
      )}
    </div>
  )
}

function kindOf(type: 'text' | 'password', list: string | undefined) {
  if (type === 'password') return { type: 'password' } as const
  return list === undefined ? ({ type: 'text' } as const) : ({ type: 'text', list } as const)
}

/** One of several. */
export function SelectField({
  label,
  value,
  options,
  onChange,
}: FieldProps & { readonly options: readonly (readonly [value: string, shown: string])[] }) {
  const id = useId()
  return (
    <div class="field">
      <label for={id}>{t(label)}</label>
      <select id={id} value={value} onChange={(event) => onChange(event.currentTarget.value)}>
        {options.map(([option, shown]) => (
          <option key={option} value={option}>
            {shown}
          </option>
        ))}
      </select>
    </div>
  )
}

/** A text of several lines. */
export function AreaField({ label, value, hint, onChange }: FieldProps) {
  const id = useId()
  return (
    <div class="field wide">
      <label for={id}>{t(label)}</label>
      <textarea
        id={id}
        value={value}
        spellcheck={false}
        rows={12}
        aria-describedby={hint ? `${id}-hint` : undefined}
        onInput={(event) => onChange(event.currentTarget.value)}
      />
      {hint && (
        <p class="hint" id={`${id}-hint`}>
          {t(hint)}
        </p>
      )}
    </div>
  )
}

/** A form that sends itself by Enter, too. */
export function Form({
  label,
  onSubmit,
  children,
}: {
  label: TextKey
  onSubmit(): void
  children: ComponentChildren
}) {
  return (
    <form
      class="form"
      aria-label={t(label)}
      onSubmit={(event) => {
        event.preventDefault()
        onSubmit()
      }}
    >
      {children}
    </form>
  )
}
