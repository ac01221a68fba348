/** The lines in which two texts differ. */

/** A line of either text, or of both; line numbers count from one. */
export interface DiffLine {
  readonly kind: 'same' | 'removed' | 'added'
  readonly text: string
}

/** Beyond it, the middle is shown as replaced: a table of all pairs of lines would not fit into memory. */
const maxCells = 4_000_000

/** Compares two texts line by line (longest common subsequence). @returns all lines, in order */
export function diffLines(before: string, after: string): readonly DiffLine[] {
  const a = before.split('\n')
  const b = after.split('\n')
  let start = 0
  while (start < a.length && start < b.length && a[start] === b[start]) start++
  let end = 0
  while (end < a.length - start && end < b.length - start && a.at(-1 - end) === b.at(-1 - end)) end++
  const same = (text: string): DiffLine => ({ kind: 'same', text })
  return [
    ...a.slice(0, start).map(same),
    ...middle(a.slice(start, a.length - end), b.slice(start, b.length - end)),
    ...a.slice(a.length - end).map(same),
  ]
}

function middle(a: readonly string[], b: readonly string[]): DiffLine[] {
  if (a.length * b.length > maxCells)
    return [
      ...a.map((text): DiffLine => ({ kind: 'removed', text })),
      ...b.map((text): DiffLine => ({ kind: 'added', text })),
    ]
  const width = b.length + 1
  const lengths = commonLengths(a, b)
  const lines: DiffLine[] = []
  let i = 0
  let j = 0
  while (i < a.length || j < b.length) {
    const [textA, textB] = [a[i], b[j]]
    if (textA !== undefined && textA === textB) {
      lines.push({ kind: 'same', text: textA })
      i++
      j++
      continue
    }
    const down = lengths[(i + 1) * width + j] ?? -1
    const right = lengths[i * width + j + 1] ?? -1
    if (textA !== undefined && (textB === undefined || down >= right)) {
      lines.push({ kind: 'removed', text: textA })
      i++
    } else {
      lines.push({ kind: 'added', text: textB ?? '' })
      j++
    }
  }
  return lines
}

/** For each pair of places, how many lines the rests have in common in order. */
function commonLengths(a: readonly string[], b: readonly string[]): Uint32Array {
  const width = b.length + 1
  const lengths = new Uint32Array((a.length + 1) * width)
  for (let i = a.length - 1; i >= 0; i--)
    for (let j = b.length - 1; j >= 0; j--) {
      const at = i * width + j
      const both = (lengths[at + width + 1] ?? 0) + 1
      lengths[at] = a[i] === b[j] ? both : Math.max(lengths[at + width] ?? 0, lengths[at + 1] ?? 0)
    }
  return lengths
}
