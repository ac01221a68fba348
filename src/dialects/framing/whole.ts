/** An answer that is one JSON document. */
import { type Framing, maxFrame } from './framing.ts'

export const whole: Framing = {
  contentType: 'application/json',
  print: (frame) => frame.data,
  split(onFrame) {
    const decoder = new TextDecoder()
    let body = ''
    return {
      push(bytes) {
        body += decoder.decode(bytes, { stream: true })
        if (body.length > maxFrame) throw new RangeError('the answer is too long')
      },
      end() {
        const data = body + decoder.decode()
        body = ''
        onFrame({ data })
      },
    }
  },
}
