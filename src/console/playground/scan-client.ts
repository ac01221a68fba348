/** The page's side of the worker: hands it texts, and keeps to the newest answer. */
import type { Channel } from '../../core/text.ts'
import type { ScanSettings } from '../../detect/scan-settings.ts'
import type { FromWorker, ToWorker } from './messages.ts'
import type { Result } from './shown.ts'

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
  /** No answer that is under way is wanted any more. */
  forget(): void
}

/** Hands the settings to a worker that has just been started. */
export function createScanClient(worker: Worker, settings: ScanSettings, listener: ScanListener): ScanClient {
  let newest = 0
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
    forget() {
      newest++
    },
  }
}
