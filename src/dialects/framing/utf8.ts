/**
 * Decodes UTF-8 that arrives in pieces. A `TextDecoder` for every response would cost 10 µs each (Node 20). Pieces almost
 * always end between characters, so one shared decoder and a remainder of at most three bytes are enough.
 */
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

/** A decoder for one response. */
export interface Utf8 {
  /** Returns the complete characters so far; invalid bytes become U+FFFD. */
  push(bytes: Uint8Array): string
  /** Returns the remainder, which can only be an unfinished character. */
  end(): string
}

/** Creates a decoder. */
export function createUtf8(): Utf8 {
  let rest: Uint8Array | undefined
  return {
    push(bytes) {
      const all = rest ? join(rest, bytes) : bytes
      const whole = wholeLength(all)
      // Copied, because `slice` of a Buffer would share the caller's memory.
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

/** Returns the length in bytes up to the last complete character, for which the last three bytes are enough. */
function wholeLength(bytes: Uint8Array): number {
  const { length } = bytes
  for (let back = 1; back <= Math.min(3, length); back++) {
    const byte = bytes[length - back] ?? 0
    if (byte < 0x80) return length
    // The lead byte tells how many bytes follow.
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
