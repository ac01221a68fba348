/** What every page is made of: badges, times, ids to copy, states of loading and failing. */
import type { ComponentChildren } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import type { ApiError } from '../api/client.ts'
import { type TextKey, t, word } from '../texts/texts.ts'
import { offset, time } from './format.ts'

/** How something is: a colour, and always a sign besides. */
export type Tone = 'good' | 'warn' | 'bad' | 'plain'

const signs: Readonly<Record<Tone, string>> = { good: '✓', warn: '!', bad: '✕', plain: '·' }

/** A word with a sign and a colour. @param title where the word may have to be cut off */
export function Badge({
  tone,
  title,
  children,
}: {
  tone: Tone
  title?: string
  children: ComponentChildren
}) {
  return (
    <span class={`badge ${tone}`} title={title}>
      <span aria-hidden="true">{signs[tone]}</span>
      {children}
    </span>
  )
}

/** How a request ended. */
export function Outcome({ outcome }: { outcome: string }) {
  const tone = outcome === 'answered' ? 'good' : outcome === 'aborted' ? 'plain' : 'bad'
  const shown = word('outcome', outcome)
  return (
    <Badge tone={tone} title={shown}>
      {shown}
    </Badge>
  )
}

/** A moment, in local time; its title has the offset and the exact time. */
export function Time({ at }: { at: string | null | undefined }) {
  if (!at) return <span class="dim">–</span>
  const date = new Date(at)
  const isTime = !Number.isNaN(date.getTime())
  return (
    <time dateTime={at} title={isTime ? `${at} (${offset(date)})` : at}>
      {time(at)}
    </time>
  )
}

const copiedMs = 1500

/** An id or another text that one can copy. */
export function Copy({ text, shown = text }: { text: string; shown?: string }) {
  const [isCopied, setCopied] = useState(false)
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined)
  useEffect(() => () => clearTimeout(timer.current), [])
  const copy = async () => {
    await navigator.clipboard.writeText(text)
    setCopied(true)
    timer.current = setTimeout(() => setCopied(false), copiedMs)
  }
  return (
    <span class="copy">
      <code title={text}>{shown}</code>
      <button
        type="button"
        class="icon"
        aria-label={t('copy.label', { what: shown })}
        onClick={() => void copy().catch(() => {})}
      >
        <CopyIcon isDone={isCopied} />
      </button>
      <span class="unseen" role="status">
        {isCopied ? t('copy.done') : ''}
      </span>
    </span>
  )
}

/** Two sheets, or a tick. */
function CopyIcon({ isDone }: { isDone: boolean }) {
  return (
    <svg viewBox="0 0 16 16" aria-hidden="true">
      <path d={isDone ? 'M3 8.5l3.5 3.5L13 4.5' : 'M5.5 5.5h8v8h-8zM10.5 5.5v-3h-8v8h3'} />
    </svg>
  )
}

/** Why something failed, in the server's words or in ours. */
export function Problem({ error }: { error: ApiError | undefined }) {
  if (!error) return null
  const own = error.status === 0 ? t('problem.unreachable') : t('problem.status', { status: error.status })
  return (
    <p class="problem" role="alert">
      <span aria-hidden="true">✕</span> {error.message === '' ? own : error.message}
    </p>
  )
}

/** Stands where there is nothing: what would be here, and how to get it. */
export function Empty({ title, how }: { title: TextKey; how: TextKey }) {
  return (
    <div class="empty">
      <p>
        <strong>{t(title)}</strong>
      </p>
      <p>{t(how)}</p>
    </div>
  )
}

/** Shows what was loaded, or why not. */
export function Shown<T>({
  loaded,
  children,
}: {
  loaded: { readonly data: T | undefined; readonly error: ApiError | undefined }
  children: (data: T) => ComponentChildren
}) {
  return (
    <>
      <Problem error={loaded.error} />
      {loaded.data !== undefined && children(loaded.data)}
      {loaded.data === undefined && !loaded.error && (
        <p class="loading" aria-busy="true">
          {t('loading')}
        </p>
      )}
    </>
  )
}

/** The head of a page. */
export function PageHead({ title, children }: { title: TextKey; children?: ComponentChildren }) {
  useEffect(() => {
    document.title = `${t(title)} · Torwart`
  })
  return (
    <header class="page-head">
      <h1 tabIndex={-1}>{t(title)}</h1>
      {children}
    </header>
  )
}

/** A part of a page with a heading. */
export function Section({
  title,
  actions,
  children,
}: {
  title: TextKey
  actions?: ComponentChildren
  children: ComponentChildren
}) {
  return (
    <section class="card" aria-label={t(title)}>
      <div class="card-head">
        <h2>{t(title)}</h2>
        {actions}
      </div>
      {children}
    </section>
  )
}
