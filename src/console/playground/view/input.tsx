/** Where a text is entered: typed, pasted, dropped or opened; with its channel and the thresholds. */
import { useState } from 'preact/hooks'
import type { Thresholds } from '../../../detect/injection/verdict.ts'
import { toFragment } from '../link.ts'
import type { Words } from '../words/words.ts'
import { Choices } from './choices.tsx'
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
  const { words, entered, onEnter, isBroken } = props
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
  return (
    <section
      class="card"
      aria-labelledby="input"
      onDragOver={(event) => event.preventDefault()}
      onDrop={onDrop}
    >
      <h2 id="input">{words.input.heading}</h2>
      <TextField {...{ words, entered, enter, format }} />
      <Choices {...props} />
      <Actions {...{ words, entered, enter, format, open, setMessage }} />
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

interface ActionProps extends FieldProps {
  readonly open: (file: File) => Promise<void>
  readonly setMessage: (message: string) => void
}

function Actions({ words, entered, enter, format, open, setMessage }: ActionProps) {
  const link = async () => {
    const fragment = await toFragment(entered)
    if (fragment === undefined) return setMessage(words.input.tooLongForLink)
    history.replaceState(null, '', `#${fragment}`)
    const isCopied = await copyText(location.href)
    return setMessage(
      isCopied ? words.input.linked(format.format(location.href.length)) : words.input.linkShown,
    )
  }
  const isEmpty = entered.text === ''
  return (
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
      <button type="button" disabled={isEmpty} onClick={() => void link()}>
        {words.input.link}
      </button>
      <button type="button" disabled={isEmpty} onClick={() => enter('')}>
        {words.input.clear}
      </button>
    </div>
  )
}
