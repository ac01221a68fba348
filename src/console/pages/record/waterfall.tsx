/** Where the time of a request went, as bars on one scale. */
import type { Timing } from '../../api/types.ts'
import { milliseconds } from '../../parts/format.ts'
import { type TextKey, t } from '../../texts/texts.ts'

/** A stretch of time: from where, and how long, in milliseconds after the request came. */
export interface Stretch {
  readonly name: TextKey
  readonly fromMs: number
  readonly ms: number
}

/**
 * Cuts the time of a request into what it was spent with. The guards' time is summed up by the record, so it has no
 * place of its own on the scale: it is shown from where the first of them can have run.
 */
export function stretchesOf(timing: Timing, isForwarded: boolean): readonly Stretch[] {
  const { queuedMs, firstByteMs, totalMs, guardMs } = timing
  const stretches: Stretch[] = [
    { name: 'stage.queue', fromMs: 0, ms: queuedMs },
    { name: 'stage.guards', fromMs: Math.min(queuedMs, totalMs - guardMs), ms: guardMs },
  ]
  if (!isForwarded || firstByteMs === null) return stretches
  const asked = Math.min(firstByteMs, queuedMs)
  stretches.push({ name: 'stage.model', fromMs: asked, ms: firstByteMs - asked })
  stretches.push({ name: 'stage.relay', fromMs: firstByteMs, ms: totalMs - firstByteMs })
  return stretches
}

/** The bars, each with its time in words. */
export function Waterfall({ timing, isForwarded }: { timing: Timing; isForwarded: boolean }) {
  const whole = Math.max(timing.totalMs, 0.001)
  const share = (ms: number) => `${Math.min(100, Math.max(0, (100 * ms) / whole))}%`
  const all: Stretch = { name: 'stage.total', fromMs: 0, ms: timing.totalMs }
  return (
    <section class="part">
      <h3>{t('record.way')}</h3>
      <table class="waterfall">
        <tbody>
          {[...stretchesOf(timing, isForwarded), all].map(({ name, fromMs, ms }) => (
            <tr key={name} class={name === 'stage.total' ? 'total' : undefined}>
              <th scope="row">{t(name)}</th>
              <td class="lane">
                <span style={{ marginLeft: share(Math.max(0, fromMs)), width: share(ms) }} />
              </td>
              <td class="num">{milliseconds(ms)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  )
}
