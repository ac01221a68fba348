/**
 * UTF-8 that arrives in pieces. A `TextDecoder` of its own for every answer costs 10 µs (Node 20); pieces
 * almost always end between characters, so one shared decoder and a rest of at most three bytes do.
 */
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

export interface Utf8 {
  /** All whole characters so far; bad bytes become U+FFFD. */
  push(bytes: Uint8Array): string
  /** What is left, which can only be an unfinished character. */
  end(): string
}

export function createUtf8(): Utf8 {
  let rest: Uint8Array | undefined
  return {
    push(bytes) {
      const all = rest ? join(rest, bytes) : bytes
      const whole = wholeLength(all)
      // Copied: `slice` of a Buffer would still be the caller's memory.
      rest = whole < all.length ? new Uint8Array(all.subarray(whole)) : undefined
      return decoder.decode(rest ? all.subarray(0, whole) : all)
    },
    end() {
      const text = rest ? decoder.decode(rest) : ''
      rest = undefined
      return text
    },
  }
}

/** Bytes up to the last character that is not cut off: looks at the last three only. */
function wholeLength(bytes: Uint8Array): number {
  const { length } = bytes
  for (let back = 1; back <= Math.min(3, length); back++) {
    const byte = bytes[length - back] ?? 0
    if (byte < 0x80) return length
    // A first byte announces how many follow.
    if (byte >= 0xc0) {
      const needed = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2
      return needed > back ? length - back : length
    }
  }
  return length
}

function join(first: Uint8Array, second: Uint8Array): Uint8Array {
  const joined = new Uint8Array(first.length + second.length)
  joined.set(first)
  joined.set(second, first.length)
  return joined
}
