/**
 * The lines of a file of any size, one at a time. Splits at U+000A only, unlike `readline`, and throws on bytes that
 * are no UTF-8: decoded leniently, two different files would read the same.
 */
import { createReadStream } from 'node:fs'

/** @throws TypeError at the first byte that is no UTF-8 */
export async function* linesOf(file: string): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  let rest = ''
  for await (const piece of createReadStream(file, { highWaterMark: 256 * 1024 })) {
    const lines = (rest + decoder.decode(piece as Buffer, { stream: true })).split('\n')
    rest = lines.pop() ?? ''
    yield* lines
  }
  rest += decoder.decode()
  if (rest !== '') yield rest
}
