/** The end of a session by itself: who does nothing for long enough is signed out, and is told so a minute before. */
import { useEffect, useRef, useState } from 'preact/hooks'
import { get, sessionPath } from '../api/client.ts'
import type { Session } from '../api/types.ts'

/** When a session ends, in epoch milliseconds. */
export interface IdleEnd {
  readonly endsAt: number
  /** Whether that is so near that people should be told. */
  readonly isNear: boolean
  /** Stays signed in. */
  stay(): void
}

const nearMs = 60_000
const tickMs = 1000
/** So often at most the server hears that somebody is there, though nothing is loaded. */
const tellMs = 60_000
const signsOfLife = ['pointerdown', 'keydown', 'wheel'] as const

/** Watches what a person does. @param onEnd is called when the session is over */
export function useIdleEnd({ idleSeconds, expiresAt }: Session, onEnd: () => void): IdleEnd {
  const lastSign = useRef(Date.now())
  const lastTold = useRef(Date.now())
  const ending = useRef(onEnd)
  ending.current = onEnd
  const endOf = () => Math.min(lastSign.current + idleSeconds * 1000, Date.parse(expiresAt) || Infinity)
  const [state, setState] = useState(() => ({ endsAt: endOf(), isNear: false }))
  const tell = (now: number) => {
    lastTold.current = now
    void get(sessionPath).catch(() => {})
  }
  const look = () => {
    const now = Date.now()
    const endsAt = endOf()
    if (now >= endsAt) ending.current()
    else if (lastSign.current - lastTold.current > tellMs) tell(now)
    setState((before) => {
      const isNear = endsAt - now < nearMs
      return before.isNear === isNear && Math.abs(before.endsAt - endsAt) < nearMs
        ? before
        : { endsAt, isNear }
    })
  }
  useEffect(() => {
    const notice = () => {
      lastSign.current = Date.now()
    }
    for (const sign of signsOfLife) addEventListener(sign, notice, { passive: true })
    const timer = setInterval(look, tickMs)
    return () => {
      for (const sign of signsOfLife) removeEventListener(sign, notice)
      clearInterval(timer)
    }
  }, [])
  const stay = () => {
    lastSign.current = Date.now()
    tell(lastSign.current)
    setState({ endsAt: endOf(), isNear: false })
  }
  return { ...state, stay }
}
