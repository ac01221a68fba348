/** Tells somebody who does not look that a call waits: by a sound, or by a notification of the desktop. Off until chosen. */
import { useEffect, useRef, useState } from 'preact/hooks'
import type { Approval } from '../../api/types.ts'
import { t } from '../../texts/texts.ts'

/** What one can be told by. */
export type AlertKind = 'sound' | 'notification'

/** Keeps the choice in this browser. */
export function useAlertChoice(kind: AlertKind): readonly [boolean, (isOn: boolean) => Promise<void>] {
  const stored = `torwart.alerts.${kind}`
  const [isOn, setOn] = useState(() => localStorage.getItem(stored) === 'on')
  const choose = async (wanted: boolean) => {
    const mayTell = !wanted || kind === 'sound' || (await Notification.requestPermission()) === 'granted'
    const next = wanted && mayTell
    localStorage.setItem(stored, next ? 'on' : 'off')
    setOn(next)
    if (next && kind === 'sound') beep()
  }
  return [isOn, choose]
}

/** Tells of calls that were not there when somebody looked last. */
export function useAlerts(
  pending: readonly Approval[] | undefined,
  sound: boolean,
  notification: boolean,
): void {
  const known = useRef<ReadonlySet<string> | undefined>(undefined)
  useEffect(() => {
    if (!pending) return
    const before = known.current
    known.current = new Set(pending.map(({ id }) => id))
    const fresh = before ? pending.filter(({ id }) => !before.has(id)) : []
    const [first] = fresh
    if (!first) return
    if (sound) beep()
    if (notification && Notification.permission === 'granted')
      new Notification(t('approvals.alert'), { body: first.tool, tag: first.id })
  }, [pending, sound, notification])
}

const beepSeconds = 0.18

function beep(): void {
  const context = new AudioContext()
  const tone = context.createOscillator()
  const volume = context.createGain()
  tone.frequency.value = 880
  volume.gain.value = 0.1
  tone.connect(volume).connect(context.destination)
  tone.onended = () => void context.close()
  tone.start()
  tone.stop(context.currentTime + beepSeconds)
}
