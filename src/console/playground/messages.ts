/** What the page and its worker say to each other. */
import type { Channel } from '../../core/text.ts'
import type { ScanSettings } from '../../detect/scan-settings.ts'
import type { Result } from './shown.ts'

/** A text to be read. */
export interface Job {
  /** Of two jobs the one with the greater id is newer. */
  readonly id: number
  readonly text: string
  readonly channel: Channel
}

/** To the worker: once the settings, then jobs. */
export type ToWorker = { readonly settings: ScanSettings } | { readonly job: Job }

/** From the worker. */
export type FromWorker =
  | { readonly ready: { readonly signatures: number } }
  | { readonly result: Result }
  | { readonly failed: { readonly id: number } }
