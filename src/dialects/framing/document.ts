/** The framing of a response that is one document. */
import { type Framing, maxFrame } from './framing.ts'
import { createUtf8 } from './utf8.ts'

/** The framing of `application/json`. */
export const wholeDocument: Framing = {
  contentType: 'application/json',
  streams: false,
  encode: (frame) => frame.data,
  split(onFrame) {
    const utf8 = createUtf8()
    let body = ''
    return {
      get held() {
        return body.length
      },
      push(bytes) {
        body += utf8.push(bytes)
        if (body.length > maxFrame) throw new RangeError('the answer is too long')
      },
      end() {
        const data = body + utf8.end()
        body = ''
        onFrame({ data })
      },
    }
  },
}
