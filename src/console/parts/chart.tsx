/** A chart of days, drawn by uPlot in the colours of the page. A table beside it says the same in numbers. */
import { useEffect, useRef } from 'preact/hooks'
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import { type TextKey, t } from '../texts/texts.ts'
import { dayOf, number } from './format.ts'

const height = 180

/** A line of a chart: its name, the variable of its colour, and a value for each moment. */
export interface Line {
  readonly name: TextKey
  readonly color: string
  readonly values: readonly number[]
}

/** Lines over days. @param days as 2026-11-30 */
export function DayChart({
  label,
  days,
  lines,
}: {
  label: TextKey
  days: readonly string[]
  lines: readonly Line[]
}) {
  const box = useRef<HTMLDivElement>(null)
  useEffect(() => {
    const element = box.current
    if (!element) return
    const draw = () => drawnIn(element, days, lines)
    let chart = draw()
    const watching = new ResizeObserver(() => chart.setSize({ width: element.clientWidth, height }))
    watching.observe(element)
    const scheme = matchMedia('(prefers-color-scheme: dark)')
    const redraw = () => {
      chart.destroy()
      chart = draw()
    }
    scheme.addEventListener('change', redraw)
    return () => {
      scheme.removeEventListener('change', redraw)
      watching.disconnect()
      chart.destroy()
    }
  }, [days, lines])
  return <div class="chart" ref={box} role="img" aria-label={t(label)} />
}

function drawnIn(element: HTMLElement, days: readonly string[], lines: readonly Line[]): uPlot {
  const style = getComputedStyle(element)
  const color = (name: string) => style.getPropertyValue(name).trim()
  const axis = {
    stroke: color('--dim'),
    font: `12px ${style.fontFamily}`,
    grid: { stroke: color('--line'), width: 1 },
    ticks: { show: false },
  }
  const numbers = { size: 64, values: (_: uPlot, values: number[]) => values.map((each) => number(each)) }
  const dates = { values: (_: uPlot, values: number[]) => values.map((at) => dayOf(days[at] ?? '')) }
  return new uPlot(
    {
      width: element.clientWidth,
      height,
      cursor: { y: false },
      scales: { x: { time: false } },
      axes: [
        { ...axis, ...dates, incrs: [1, 2, 5, 7, 14, 30] },
        { ...axis, ...numbers },
      ],
      series: [
        { label: t('usage.day'), value: (_, at) => (at === null ? '–' : dayOf(days[at] ?? '')) },
        ...lines.map(({ name, color: of }) => ({
          label: t(name),
          stroke: color(of),
          width: 2,
          points: { show: days.length < 40, size: 5 },
          value: (_: uPlot, value: number | null) => (value === null ? '–' : number(value)),
        })),
      ],
    },
    [days.map((_, at) => at), ...lines.map(({ values }) => [...values])],
    element,
  )
}
