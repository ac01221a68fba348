/**
 * The lines of a stream of any length, one at a time. Splits at U+000A only, unlike `readline`, and throws on bytes
 * that are no UTF-8: decoded leniently, two different files would read the same.
 */
import type { Readable } from 'node:stream'

/** Characters of a line; what is longer would only be there to fill the memory. */
const maxLineLength = 64 * 1024 * 1024

/**
 * Splits a stream of UTF-8 into lines, without their newlines.
 * @throws TypeError at the first byte that is no UTF-8, RangeError for a line without end
 */
export async function* linesOf(stream: Readable): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  let rest = ''
  for await (const piece of stream) {
    const lines = (rest + decoder.decode(piece as Buffer, { stream: true })).split('\n')
    rest = lines.pop() ?? ''
    if (rest.length > maxLineLength) throw new RangeError('a line is too long')
    yield* lines
  }
  rest += decoder.decode()
  if (rest !== '') yield rest
}

const newline = 0x0a

/**
 * Splits a stream into lines of bytes, which are not looked at, several at a time: for many lines, that is what
 * costs.
 */
export async function* rawLinesOf(stream: Readable): AsyncGenerator<readonly Buffer[]> {
  let rest: Buffer[] = []
  let length = 0
  for await (const piece of stream) {
    const bytes = piece as Buffer
    const lines: Buffer[] = []
    let from = 0
    for (let end = bytes.indexOf(newline); end !== -1; end = bytes.indexOf(newline, from)) {
      const line = bytes.subarray(from, end)
      lines.push(rest.length > 0 ? Buffer.concat([...rest, line]) : line)
      rest = []
      from = end + 1
    }
    length = (from === 0 ? length : 0) + bytes.length - from
    if (length > maxLineLength) throw new RangeError('a line is too long')
    if (from < bytes.length) rest.push(bytes.subarray(from))
    yield lines
  }
  if (rest.length > 0) yield [Buffer.concat(rest)]
}
