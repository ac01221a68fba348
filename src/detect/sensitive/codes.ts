/** Words of letters and digits: what identity numbers with letters, and addresses of wallets, are made of. */
import type { Span } from '../../core/text.ts'

const shortest = 9
const maxLength = 106
const digit = /\d/g

/** Finds every such word in a text. */
export function codes(text: string): Span[] {
  const found: Span[] = []
  let behind = 0
  digit.lastIndex = 0
  while (digit.test(text)) {
    let start = digit.lastIndex - 1
    while (start > behind && isAlphanumeric(text.charCodeAt(start - 1))) start--
    let end = digit.lastIndex
    while (end < text.length && isAlphanumeric(text.charCodeAt(end))) end++
    behind = end
    digit.lastIndex = end
    if (end - start >= shortest && end - start <= maxLength && isFree(text, start, end))
      found.push({ start, end })
  }
  return found
}

/** Tells letters and digits of ASCII. */
export function isAlphanumeric(unit: number): boolean {
  return (unit >= 0x30 && unit <= 0x39) || ((unit | 0x20) >= 0x61 && (unit | 0x20) <= 0x7a)
}

/** Not a piece of something longer: of a name with lines, of base64, of a word with letters like `é` in it. */
function isFree(text: string, start: number, end: number): boolean {
  return (
    !/[\p{L}\p{N}_+=-]$/u.test(text.slice(Math.max(0, start - 2), start)) &&
    !/^[\p{L}\p{N}_+=-]/u.test(text.slice(end, end + 2))
  )
}
