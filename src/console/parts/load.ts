/** Data of the server in a component: loaded once, or again and again while somebody looks. */
import { useCallback, useEffect, useRef, useState } from 'preact/hooks'
import { ApiError, type GetOptions } from '../api/client.ts'

/** What is known of something that is loaded. */
export interface Loaded<T> {
  readonly data: T | undefined
  readonly error: ApiError | undefined
  reload(): void
}

/**
 * Loads data, and again when `what` changes.
 * @param what names what is loaded
 * @param everyMs loads again and again, except while the page is not visible
 */
export function useLoad<T>(
  what: string,
  load: (options: GetOptions) => Promise<T>,
  everyMs?: number,
): Loaded<T> {
  const [state, setState] = useState<{ what: string; data?: T; error?: ApiError }>({ what })
  const [round, setRound] = useState(0)
  const loading = useRef(load)
  loading.current = load
  const reload = useCallback(() => setRound((before) => before + 1), [])
  useEffect(() => {
    const ending = new AbortController()
    const once = (isBackground: boolean) =>
      loading.current({ signal: ending.signal, isBackground }).then(
        (data) => ending.signal.aborted || setState({ what, data }),
        (error: unknown) => {
          if (ending.signal.aborted) return
          const problem = error instanceof ApiError ? error : new ApiError(0, String(error))
          setState((before) => ({ ...(before.what === what ? before : {}), what, error: problem }))
        },
      )
    void once(false)
    const timer =
      everyMs === undefined ? undefined : setInterval(() => document.hidden || void once(true), everyMs)
    return () => {
      ending.abort()
      clearInterval(timer)
    }
  }, [what, round, everyMs])
  const isCurrent = state.what === what
  return { data: isCurrent ? state.data : undefined, error: isCurrent ? state.error : undefined, reload }
}

/** Runs changes one at a time, and keeps why the last one failed. */
export function useAction(): {
  readonly isBusy: boolean
  readonly problem: ApiError | undefined
  run(work: () => Promise<void>): Promise<boolean>
} {
  const [isBusy, setBusy] = useState(false)
  const [problem, setProblem] = useState<ApiError>()
  const run = async (work: () => Promise<void>) => {
    if (isBusy) return false
    setBusy(true)
    setProblem(undefined)
    try {
      await work()
      return true
    } catch (error) {
      setProblem(error instanceof ApiError ? error : new ApiError(0, String(error)))
      return false
    } finally {
      setBusy(false)
    }
  }
  return { isBusy, problem, run }
}
