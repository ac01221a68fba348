/** What the page and its worker say to each other. */
import type { Channel } from '../../core/text.ts'
import type { ScanSettings } from '../../detect/scan-settings.ts'
import type { Analysis } from './analysis.ts'
import type { Layout } from './layout.ts'

/** A text to be read. */
export interface Job {
  /** Of two jobs the one with the greater id is newer. */
  readonly id: number
  readonly text: string
  readonly channel: Channel
}

/** An analysis, made ready to be shown. */
export interface Result extends Analysis {
  readonly id: number
  readonly layout: Layout
  /** Milliseconds that it took, pauses included. */
  readonly tookMs: number
}

/** To the worker: once the settings, then jobs. */
export type ToWorker = { readonly settings: ScanSettings } | { readonly job: Job }

/** From the worker. */
export type FromWorker =
  | { readonly ready: { readonly signatures: number } }
  | { readonly result: Result }
  | { readonly failed: { readonly id: number } }
