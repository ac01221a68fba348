/**
 * The charts of the report as SVG, drawn when the report is written: a page without a script can be opened, mailed, printed
 * and kept anywhere, and its content security policy allows nothing but its own style.
 */
import { median, quantileSorted } from 'simple-statistics'
import { type Html, html } from './html.ts'

const width = 300
const labelWidth = 52

/** A share to be drawn. */
export interface DrawnShare {
  readonly label: string
  readonly kind: 'before' | 'after'
  readonly yes: number
  readonly of: number
}

/** Draws shares as bars below each other. @param name what the chart shows, for those who cannot see it */
export function shareBars(name: string, shares: readonly DrawnShare[]): Html {
  const row = 20
  const room = width - labelWidth - 44
  const height = shares.length * row
  const rows = shares.map(({ label, kind, yes, of }, at) => {
    const share = of === 0 ? 0 : yes / of
    const y = at * row + 4
    return html`<text x="0" y="${y + 9}">${label}</text>
<rect class="track" x="${labelWidth}" y="${y}" width="${room}" height="11" rx="3"/>
<rect class="${kind}" x="${labelWidth}" y="${y}" width="${round(room * share)}" height="11" rx="3"/>
<text class="value" x="${width}" y="${y + 10}" text-anchor="end">${percent(share)}</text>`
  })
  return html`<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${name}">${rows}</svg>`
}

const bins = 30

/**
 * Draws how values are distributed: those before above the axis and those after below it, so that a shift shows as
 * something that is not symmetric. @param before absent: only `after` is drawn, above
 */
export function distributions(
  name: string,
  unit: string,
  after: readonly number[],
  before?: readonly number[],
): Html {
  const all = [...after, ...(before ?? [])].sort((a, b) => a - b)
  // A few very long answers would press all others into the first bin.
  const most = Math.max(1, all.length > 0 ? Math.ceil(quantileSorted(all, 0.98)) : 1)
  const half = 44
  const axis = half + 2
  const height = before ? 2 * half + 22 : half + 20
  const [above, below] = before ? [before, after] : [after, undefined]
  const tallest = Math.max(...[above, below ?? []].map((each) => Math.max(...histogram(each, most))), 1e-9)
  const bars = (values: readonly number[], kind: string, isAbove: boolean) =>
    histogram(values, most).map((share, at) => {
      const bar = round((share / tallest) * half)
      const step = width / bins
      return bar === 0
        ? undefined
        : html`<rect class="${kind}" x="${round(at * step)}" y="${round(isAbove ? axis - bar : axis)}" width="${round(step - 1)}" height="${bar}"/>`
    })
  const middle = (values: readonly number[], isAbove: boolean) => {
    if (values.length === 0) return undefined
    const x = round((Math.min(median([...values]), most) / most) * (width - 2) + 1)
    return html`<line class="middle" x1="${x}" x2="${x}" y1="${isAbove ? 2 : axis}" y2="${isAbove ? axis : axis + half}"/>`
  }
  return html`<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${name}">
${bars(above, before ? 'before' : 'after', true)}${below ? bars(below, 'after', false) : undefined}
<line class="axis" x1="0" x2="${width}" y1="${axis}" y2="${axis}"/>
${middle(above, true)}${below ? middle(below, false) : undefined}
<text x="0" y="${height - 4}">0</text><text x="${width}" y="${height - 4}" text-anchor="end">${most} ${unit}</text></svg>`
}

function histogram(values: readonly number[], most: number): readonly number[] {
  const counts = new Array<number>(bins).fill(0)
  for (const value of values) {
    const bin = Math.min(bins - 1, Math.floor((value / most) * bins))
    counts[bin] = (counts[bin] ?? 0) + 1
  }
  return counts.map((count) => count / Math.max(1, values.length))
}

/** Prints a share as a whole percentage, which is 0 or 100 only if it is exact. */
export function percent(share: number): string {
  const whole = Math.round(share * 100)
  if (whole === 0 && share > 0) return '< 1 %'
  return whole === 100 && share < 1 ? '> 99 %' : `${whole} %`
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}
