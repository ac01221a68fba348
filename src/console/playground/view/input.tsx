/** Where a text is entered: typed, pasted, dropped or opened; with its channel and the thresholds. */
import { useState } from 'preact/hooks'
import { type Channel, channels, type Severity, severities } from '../../../core/text.ts'
import type { Thresholds } from '../../../detect/injection/verdict.ts'
import { toFragment } from '../link.ts'
import type { Words } from '../words/words.ts'
import { copyText } from './copy-text.ts'
import type { Entered } from './entered.ts'

interface Props {
  readonly words: Words
  readonly entered: Entered
  readonly onEnter: (entered: Entered) => void
  readonly thresholds: Thresholds
  readonly onThresholds: (thresholds: Thresholds) => void
  /** Whether the link that was opened cannot be read. */
  readonly isBroken: boolean
}

/** UTF-16 code units of a text that can be edited: laying out a longer one would freeze the page. */
const maxEditable = 50_000
const maxLength = 4_000_000
const preview = 600

/** The form. */
export function Input(props: Props) {
  const { words, entered, onEnter, thresholds, onThresholds, isBroken } = props
  const [message, setMessage] = useState('')
  const format = new Intl.NumberFormat(document.documentElement.lang)
  const enter = (text: string) => {
    setMessage(text.length > maxLength ? words.input.tooLong(format.format(text.length)) : '')
    if (text.length <= maxLength) onEnter({ ...entered, text })
  }
  const open = async (file: File) => {
    // Bytes: a character takes at most four.
    if (file.size > maxLength * 4) setMessage(words.input.tooLong(format.format(file.size)))
    else
      try {
        enter(await file.text())
      } catch {
        setMessage(words.input.unreadable)
      }
  }
  const onDrop = (event: DragEvent) => {
    event.preventDefault()
    const [file] = event.dataTransfer?.files ?? []
    if (file) void open(file)
    else enter(event.dataTransfer?.getData('text/plain') ?? '')
  }
  const link = async () => {
    const fragment = await toFragment(entered)
    if (fragment === undefined) return setMessage(words.input.tooLongForLink)
    history.replaceState(null, '', `#${fragment}`)
    const isCopied = await copyText(location.href)
    return setMessage(
      isCopied ? words.input.linked(format.format(location.href.length)) : words.input.linkShown,
    )
  }
  return (
    <section
      class="card"
      aria-labelledby="input"
      onDragOver={(event) => event.preventDefault()}
      onDrop={onDrop}
    >
      <h2 id="input">{words.input.heading}</h2>
      <TextField words={words} entered={entered} enter={enter} format={format} />
      <Choices {...{ words, entered, onEnter, thresholds, onThresholds }} />
      <div class="actions">
        <label class="button">
          {words.input.open}
          <input
            type="file"
            class="unseen-input"
            onChange={({ currentTarget }) => {
              const [file] = currentTarget.files ?? []
              if (file) void open(file)
              currentTarget.value = ''
            }}
          />
        </label>
        <button type="button" disabled={entered.text === ''} onClick={() => void link()}>
          {words.input.link}
        </button>
        <button type="button" disabled={entered.text === ''} onClick={() => enter('')}>
          {words.input.clear}
        </button>
      </div>
      <p class="message" role="status">
        {message || (isBroken ? words.input.brokenLink : '')}
      </p>
    </section>
  )
}

interface FieldProps {
  readonly words: Words
  readonly entered: Entered
  readonly enter: (text: string) => void
  readonly format: Intl.NumberFormat
}

function TextField({ words, entered: { text }, enter, format }: FieldProps) {
  const onPaste = (event: ClipboardEvent & { readonly currentTarget: HTMLTextAreaElement }) => {
    const pasted = event.clipboardData?.getData('text/plain') ?? ''
    if (pasted.length <= maxEditable) return
    event.preventDefault()
    const { value, selectionStart, selectionEnd } = event.currentTarget
    enter(value.slice(0, selectionStart) + pasted + value.slice(selectionEnd))
  }
  if (text.length > maxEditable)
    return (
      <div class="held">
        <p>{words.input.held(format.format(text.length))}</p>
        <pre dir="auto">{text.slice(0, preview)}…</pre>
      </div>
    )
  return (
    <>
      <label class="only-read-aloud" for="text">
        {words.input.label}
      </label>
      <textarea
        id="text"
        dir="auto"
        rows={10}
        spellcheck={false}
        autocomplete="off"
        placeholder={words.input.placeholder}
        value={text}
        onInput={({ currentTarget }) => enter(currentTarget.value)}
        onPaste={onPaste}
      />
    </>
  )
}

type ChoiceProps = Pick<Props, 'words' | 'entered' | 'onEnter' | 'thresholds' | 'onThresholds'>

function Choices({ words, entered, onEnter, thresholds, onThresholds }: ChoiceProps) {
  return (
    <div class="choices">
      <label class="wide">
        <span>{words.input.channel}</span>
        <select
          value={entered.channel}
          onChange={({ currentTarget }) =>
            onEnter({ ...entered, channel: chosen(channels, currentTarget.value, 'user') })
          }
        >
          {(
            [
              'user',
              'system',
              'tool',
              'document',
              'definition',
              'assistant',
            ] as const satisfies readonly Channel[]
          ).map((each) => (
            <option key={each} value={each}>
              {words.channels[each]}
            </option>
          ))}
        </select>
      </label>
      {(['flag', 'block'] as const).map((action) => (
        <label key={action}>
          <span>{words.input[action]}</span>
          <select
            value={thresholds[action]}
            onChange={({ currentTarget }) =>
              onThresholds({ ...thresholds, [action]: chosen(severities, currentTarget.value, 'high') })
            }
          >
            {severities.map((each: Severity) => (
              <option key={each} value={each}>
                {words.severities[each]}
              </option>
            ))}
          </select>
        </label>
      ))}
    </div>
  )
}

function chosen<T extends string>(all: readonly T[], value: string, otherwise: T): T {
  return all.find((each) => each === value) ?? otherwise
}
