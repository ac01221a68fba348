/** Server-sent events, opened again by ourselves: a browser gives up for good at the first response that is no stream. */

/** What is called when events arrive; data is parsed JSON. */
export interface StreamListeners {
  readonly events: Readonly<Record<string, (data: unknown) => void>>
  /** Called when the stream opens, and when it is lost. */
  state?(isOpen: boolean): void
  /** Whether a lost stream is opened again. */
  readonly isLasting: boolean
}

const retryMs = 3000

/** Opens a stream. @returns a function that closes it */
export function openStream(url: string, { events, state, isLasting }: StreamListeners): () => void {
  let source: EventSource | undefined
  let timer: ReturnType<typeof setTimeout> | undefined
  const open = () => {
    source = new EventSource(url)
    source.onopen = () => state?.(true)
    source.onerror = () => {
      source?.close()
      state?.(false)
      if (isLasting) timer = setTimeout(open, retryMs)
    }
    for (const [name, listen] of Object.entries(events))
      source.addEventListener(name, (event) => listen(parsed(event)))
  }
  open()
  return () => {
    clearTimeout(timer)
    source?.close()
  }
}

function parsed(event: Event): unknown {
  if (!(event instanceof MessageEvent) || typeof event.data !== 'string') return null
  try {
    return JSON.parse(event.data)
  } catch {
    return null
  }
}
