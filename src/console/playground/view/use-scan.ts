/** Has the worker read what was entered, a moment after the last key. */
import { useEffect, useRef, useState } from 'preact/hooks'
import type { Channel } from '../../../core/text.ts'
import type { ScanSettings } from '../../../detect/scan-settings.ts'
import { createScanClient, type ScanClient } from '../scan-client.ts'
import type { Result } from '../shown.ts'
import type { Entered } from './entered.ts'

/** What the worker is doing, and its last answer. */
export interface Scan {
  readonly state: 'loading' | 'idle' | 'scanning' | 'failed'
  readonly signatures: number
  readonly result: ShownResult | undefined
}

/** An answer, with what it is about. */
export interface ShownResult extends Result {
  readonly channel: Channel
  readonly text: string
}

const pauseMs = 80

/** @param startWorker called once, when the page starts */
export function useScan(startWorker: () => Worker, settings: ScanSettings, entered: Entered): Scan {
  const [scan, setScan] = useState<Scan>({ state: 'loading', signatures: 0, result: undefined })
  const client = useRef<ScanClient | undefined>(undefined)
  const asked = useRef(entered)

  useEffect(() => {
    const set = (change: Partial<Scan>) => setScan((before) => ({ ...before, ...change }))
    client.current = createScanClient(startWorker(), settings, {
      ready: (signatures) =>
        setScan((before) => ({
          ...before,
          signatures,
          state: before.state === 'loading' ? 'idle' : before.state,
        })),
      result: (result) => {
        const { channel, text } = asked.current
        set({ state: 'idle', result: { ...result, channel, text } })
      },
      failed: () => set({ state: 'failed', result: undefined }),
    })
  }, [startWorker, settings])

  useEffect(() => {
    if (entered.text === '') {
      asked.current = entered
      client.current?.forget()
      setScan((before) => ({
        ...before,
        state: before.signatures > 0 ? 'idle' : 'loading',
        result: undefined,
      }))
      return undefined
    }
    const timer = setTimeout(() => {
      asked.current = entered
      setScan((before) => ({ ...before, state: 'scanning' }))
      client.current?.scan(entered.text, entered.channel)
    }, pauseMs)
    return () => clearTimeout(timer)
  }, [entered])

  return scan
}
