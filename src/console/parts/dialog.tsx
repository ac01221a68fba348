/** A modal dialog of the browser: it holds the focus, Escape closes it, and the focus goes back where it was. */
import type { ComponentChildren } from 'preact'
import { useEffect, useId, useRef } from 'preact/hooks'
import type { ApiError } from '../api/client.ts'
import { t } from '../texts/texts.ts'
import { Problem } from './basics.tsx'

/** A dialog, open as long as it is rendered. */
export function Dialog({
  title,
  onClose,
  children,
}: {
  title: string
  onClose(): void
  children: ComponentChildren
}) {
  const element = useRef<HTMLDialogElement>(null)
  const id = useId()
  useEffect(() => {
    const dialog = element.current
    const before = document.activeElement
    if (dialog && !dialog.open) dialog.showModal()
    return () => {
      dialog?.close()
      if (before instanceof HTMLElement && before.isConnected) before.focus()
    }
  }, [])
  return (
    <dialog ref={element} aria-labelledby={id} onCancel={onClose}>
      <h2 id={id}>{title}</h2>
      {children}
    </dialog>
  )
}

/** Asks before something is done, with what is needed for it. */
export function Confirm({
  title,
  confirm,
  isDangerous = false,
  isBusy,
  problem,
  onConfirm,
  onClose,
  children,
}: {
  title: string
  confirm: string
  isDangerous?: boolean
  isBusy: boolean
  problem: ApiError | undefined
  onConfirm(): void
  onClose(): void
  children?: ComponentChildren
}) {
  return (
    <Dialog title={title} onClose={onClose}>
      <form
        class="form stacked"
        onSubmit={(event) => {
          event.preventDefault()
          onConfirm()
        }}
      >
        {children}
        <Problem error={problem} />
        <div class="actions">
          <button type="submit" class={isDangerous ? 'danger' : 'primary'} disabled={isBusy}>
            {confirm}
          </button>
          <button type="button" onClick={onClose}>
            {t('cancel')}
          </button>
        </div>
      </form>
    </Dialog>
  )
}
