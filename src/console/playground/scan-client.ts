/** The page's side of the worker: starts it, hands it texts, and keeps to the newest answer. */
import type { Channel } from '../../core/text.ts'
import type { ScanSettings } from '../../detect/scan-settings.ts'
import type { FromWorker, Result, ToWorker } from './messages.ts'

/** What is told of the worker. */
export interface ScanListener {
  ready(signatures: number): void
  result(result: Result): void
  /** The worker could not be started, or failed at a text. */
  failed(): void
}

/** Hands texts to the worker. */
export interface ScanClient {
  scan(text: string, channel: Channel): void
}

/** Starts the worker with the settings. */
export function createScanClient(settings: ScanSettings, listener: ScanListener): ScanClient {
  let newest = 0
  const worker = startWorker()
  const say = (message: ToWorker) => worker.postMessage(message)
  worker.addEventListener('error', () => listener.failed())
  worker.addEventListener('message', ({ data }: MessageEvent<FromWorker>) => {
    if ('ready' in data) listener.ready(data.ready.signatures)
    else if ('result' in data) {
      if (data.result.id === newest) listener.result(data.result)
    } else if (data.failed.id === newest) listener.failed()
  })
  say({ settings })
  return {
    scan(text, channel) {
      newest++
      say({ job: { id: newest, text, channel } })
    },
  }
}

/** From the console it is a file of its own; the single file carries its source as a data block. */
function startWorker(): Worker {
  const source = document.getElementById('worker')?.textContent
  if (!source) return new Worker(document.querySelector<HTMLMetaElement>('meta[name="worker"]')?.content ?? '')
  const url = URL.createObjectURL(new Blob([source], { type: 'text/javascript' }))
  try {
    return new Worker(url)
  } finally {
    // Not at once: the worker reads it after this.
    setTimeout(() => URL.revokeObjectURL(url), 10_000)
  }
}
