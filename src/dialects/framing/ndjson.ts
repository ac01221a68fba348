/** Newline-delimited JSON, as Ollama streams it. Blank lines are dropped, because one crashes ollama-python. */
import { type Framing, maxFrame } from './framing.ts'
import { createUtf8 } from './utf8.ts'

/** The framing of `application/x-ndjson`. */
export const ndjson: Framing = {
  contentType: 'application/x-ndjson',
  streams: true,
  encode: (frame) => `${frame.data}\n`,
  split(onFrame) {
    const utf8 = createUtf8()
    let rest = ''
    const emit = (line: string) => {
      const data = line.trim()
      if (data !== '') onFrame({ data })
    }
    return {
      get held() {
        return rest.length
      },
      push(bytes) {
        const text = utf8.push(bytes)
        let from = 0
        for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n', from)) {
          const line = rest + text.slice(from, end)
          rest = ''
          from = end + 1
          emit(line)
        }
        rest += text.slice(from)
        if (rest.length > maxFrame) throw new RangeError('a line of the answer is too long')
      },
      end() {
        const line = rest + utf8.end()
        rest = ''
        emit(line)
      },
    }
  },
}
