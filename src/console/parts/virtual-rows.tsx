/**
 * A list of many rows of one height, of which only those in sight are in the page. Rows that come on top of what somebody
 * looks at do not move it. Arrow keys, Page Up and Down, Home and End go from row to row.
 */
import type { ComponentChildren } from 'preact'
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'
import { type TextKey, t } from '../texts/texts.ts'

/** Pixels; the style sheet has the same. */
const rowHeight = 34
const spare = 8

/** Which rows are in the page. */
export function rowsInSight(scrollTop: number, height: number, count: number): readonly [number, number] {
  const first = Math.max(0, Math.floor(scrollTop / rowHeight) - spare)
  return [first, Math.min(count, Math.ceil((scrollTop + height) / rowHeight) + spare)]
}

interface Props<Row> {
  readonly label: TextKey
  readonly titles: readonly TextKey[]
  readonly rows: readonly Row[]
  readonly current: string | undefined
  /** Whether somebody points at the list or works in it. */
  onUse?(isUsed: boolean): void
  keyOf(row: Row): string
  hrefOf(row: Row): string
  /** One for each title. */
  cellsOf(row: Row): readonly ComponentChildren[]
}

/** The list. */
export function VirtualRows<Row>(props: Props<Row>) {
  const { label, titles, rows, current, keyOf, hrefOf, cellsOf } = props
  const box = useRef<HTMLDivElement>(null)
  const [scrolled, setScrolled] = useState({ top: 0, height: 600 })
  const active = useActiveRow(box, rows, keyOf)
  useStillRows(box, rows, keyOf)
  useEffect(() => {
    const element = box.current
    if (!element) return
    const measure = () => setScrolled({ top: element.scrollTop, height: element.clientHeight })
    const watching = new ResizeObserver(measure)
    watching.observe(element)
    return () => watching.disconnect()
  }, [])
  const [first, end] = rowsInSight(scrolled.top, scrolled.height, rows.length)
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: the keys are those of the links in it.
    <div
      class="rows"
      ref={box}
      onPointerEnter={() => props.onUse?.(true)}
      onPointerLeave={() => props.onUse?.(false)}
      onScroll={({ currentTarget }) =>
        setScrolled({ top: currentTarget.scrollTop, height: currentTarget.clientHeight })
      }
      onKeyDown={active.follow}
    >
      <table aria-label={t(label)} aria-rowcount={rows.length + 1}>
        <thead>
          <tr class="row" aria-rowindex={1}>
            {titles.map((title) => (
              <th scope="col" key={title}>
                {t(title)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody style={{ height: `${rows.length * rowHeight}px` }}>
          {rows.slice(first, end).map((row, index) => (
            <Row
              key={keyOf(row)}
              index={first + index}
              isActive={first + index === active.index}
              isCurrent={keyOf(row) === current}
              href={hrefOf(row)}
              cells={cellsOf(row)}
              onFocus={() => active.set(keyOf(row))}
            />
          ))}
        </tbody>
      </table>
    </div>
  )
}

/** One row, at its place. The link in its first cell reaches over all of it. */
function Row({
  index,
  isActive,
  isCurrent,
  href,
  cells,
  onFocus,
}: {
  index: number
  isActive: boolean
  isCurrent: boolean
  href: string
  cells: readonly ComponentChildren[]
  onFocus: () => void
}) {
  return (
    <tr
      class="row"
      aria-rowindex={index + 2}
      aria-current={isCurrent ? 'true' : undefined}
      style={{ transform: `translateY(${index * rowHeight}px)` }}
    >
      {cells.map((cell, column) => (
        <td key={String(column)}>
          {column > 0 ? (
            cell
          ) : (
            <a class="whole-row" href={href} tabIndex={isActive ? 0 : -1} onFocus={onFocus}>
              {cell}
            </a>
          )}
        </td>
      ))}
    </tr>
  )
}

/** Keeps rows where they are in sight when others come on top of them, unless the top itself is in sight. */
function useStillRows<Row>(
  box: { readonly current: HTMLDivElement | null },
  rows: readonly Row[],
  keyOf: (row: Row) => string,
): void {
  const before = useRef<string | undefined>(undefined)
  useLayoutEffect(() => {
    const [top] = rows
    const element = box.current
    const known = before.current
    if (element && known !== undefined && element.scrollTop > 0) {
      const added = rows.findIndex((row) => keyOf(row) === known)
      if (added > 0) element.scrollTop += added * rowHeight
    }
    before.current = top === undefined ? undefined : keyOf(top)
  }, [rows])
}

const pageRows = 10

/** The one row that Tab reaches, and how keys move it. */
function useActiveRow<Row>(
  box: { readonly current: HTMLDivElement | null },
  rows: readonly Row[],
  keyOf: (row: Row) => string,
) {
  const [key, set] = useState<string | undefined>(undefined)
  const found = key === undefined ? -1 : rows.findIndex((row) => keyOf(row) === key)
  const index = Math.max(0, found)
  const isMoving = useRef(false)
  // A row out of sight is in the page only after the list has scrolled, so each rendering looks whether it has come.
  useEffect(() => {
    const link = isMoving.current ? box.current?.querySelector<HTMLElement>('a[tabindex="0"]') : undefined
    if (!link) return
    isMoving.current = false
    link.focus({ preventScroll: true })
  })
  const follow = (event: KeyboardEvent) => {
    const steps: Readonly<Record<string, number>> = {
      ArrowDown: index + 1,
      ArrowUp: index - 1,
      PageDown: index + pageRows,
      PageUp: index - pageRows,
      Home: 0,
      End: rows.length - 1,
    }
    const wanted = steps[event.key]
    const row = rows[Math.min(rows.length - 1, Math.max(0, wanted ?? 0))]
    if (wanted === undefined || row === undefined || !box.current) return
    event.preventDefault()
    scrollIntoSight(box.current, rows.indexOf(row))
    set(keyOf(row))
    isMoving.current = true
  }
  return { index, set, follow }
}

function scrollIntoSight(box: HTMLDivElement, index: number): void {
  const top = index * rowHeight
  // The head, as high as a row, stays on top of the others.
  const bottom = top + 2 * rowHeight
  if (top < box.scrollTop) box.scrollTop = top
  else if (bottom > box.scrollTop + box.clientHeight) box.scrollTop = bottom - box.clientHeight
}
