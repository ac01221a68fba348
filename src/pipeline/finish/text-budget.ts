/** `audit.maxText` of one record: bytes as they are written into its line, where a control character takes six. */
export interface TextBudget {
  readonly bytes: number
  /** Takes the text whole, or not at all. @param leave bytes that must be left */
  take(text: string, leave?: number): boolean
  /** @returns as much of the beginning of the text as there was room for */
  cut(text: string): string
}

/** Makes a budget of so many bytes. */
export function createTextBudget(bytes: number): TextBudget {
  let left = bytes
  const take = (text: string, leave = 0) => {
    // A character takes a byte at least: what is much too long need not be measured.
    if (text.length > left - leave) return false
    const written = writtenBytes(text)
    if (written > left - leave) return false
    left -= written
    return true
  }
  return {
    get bytes() {
      return left
    },
    take,
    cut(text) {
      if (take(text)) return text
      const beginning = beginningOf(text, left)
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
