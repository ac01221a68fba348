/** `audit.maxText` of one record: bytes as they are written into its line, where a control character takes six. */
export interface TextBudget {
  readonly bytes: number
  /** Whether a text of this length might still be taken. @param leave bytes that must be left */
  mayTake(length: number, leave?: number): boolean
  /** Takes the text whole, or not at all. @param leave bytes that must be left */
  take(text: string, leave?: number): boolean
  /** @returns as much of the beginning of the text as there was room for */
  cut(text: string): string
}

/** Bytes that a UTF-16 code unit may take: a control character is written as `\u0001`. */
const maxBytesOfUnit = 6

/**
 * Makes a budget of so many bytes. To measure a text is to write it as JSON, as its record does once more: so what fits
 * however it is written is measured only if another text comes that may not fit beside it.
 */
export function createTextBudget(bytes: number): TextBudget {
  let left = bytes
  let unmeasured: string[] = []
  let unmeasuredLength = 0
  const measured = () => {
    for (const text of unmeasured) left -= writtenBytes(text)
    unmeasured = []
    unmeasuredLength = 0
    return left
  }
  const mayTake = (length: number, leave = 0) => {
    if (length <= left - unmeasuredLength * maxBytesOfUnit - leave) return true
    // A character takes a byte at least.
    return length <= left - unmeasuredLength - leave && length <= measured() - leave
  }
  const take = (text: string, leave = 0) => {
    if ((unmeasuredLength + text.length) * maxBytesOfUnit <= left - leave) {
      unmeasured.push(text)
      unmeasuredLength += text.length
      return true
    }
    if (!mayTake(text.length, leave)) return false
    const written = writtenBytes(text)
    if (written > measured() - leave) return false
    left -= written
    return true
  }
  return {
    get bytes() {
      return measured()
    },
    mayTake,
    take,
    cut(text) {
      if (take(text)) return text
      const beginning = beginningOf(text, measured())
      left -= writtenBytes(beginning)
      return beginning
    },
  }
}

/** Without the quotes around it. */
export function writtenBytes(text: string): number {
  return Buffer.byteLength(JSON.stringify(text)) - 2
}

function beginningOf(text: string, bytes: number): string {
  let end = 0
  let left = bytes
  // In steps that halve, so that what is measured is no more than twice the text.
  for (let step = 2 ** Math.ceil(Math.log2(text.length + 1)); step >= 1; step /= 2) {
    const written = writtenBytes(text.slice(end, end + step))
    if (written > left) continue
    end = Math.min(text.length, end + step)
    left -= written
  }
  return text.slice(0, end)
}
