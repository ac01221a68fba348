/**
 * A dialect that no server speaks, to show that one takes one file: `POST /poems` with `{model, theme, lines}`, whose
 * answer is `{poem, tokens: {read, written}}`. The contract suite runs over it like over the real ones.
 */
import { isObject, type JsonValue } from '../../src/core/json.ts'
import { type Usage, usageOf } from '../../src/core/usage.ts'
import { bodyReader } from '../../src/dialects/common/body-reader.ts'
import { capCount } from '../../src/dialects/common/caps.ts'
import { integer, modelName, object, text } from '../../src/dialects/common/shape.ts'
import { Transcript } from '../../src/dialects/common/transcript.ts'
import type { Dialect, ResponseReader } from '../../src/dialects/dialect.ts'
import type { Frame } from '../../src/dialects/framing/framing.ts'

/** Every field the server reads, each with the reader of its type; whatever else is sent is left out. */
const request = object({ model: modelName, theme: text('user'), tokens: integer(1) }, ['model', 'theme'])

class PoemAnswer implements ResponseReader {
  state: ResponseReader['state'] = 'open'
  usage: Usage | undefined
  readonly transcript = new Transcript()

  frame(frame: Frame): Frame | undefined {
    const answer = JSON.parse(frame.data) as JsonValue
    if (!isObject(answer) || typeof answer.poem !== 'string') {
      this.state = 'failed'
      return undefined
    }
    this.transcript.addText('content', answer.poem)
    if (isObject(answer.tokens)) this.usage = usageOf(answer.tokens.read, answer.tokens.written)
    this.state = 'ended'
    return frame
  }
}

export const madeUp: Dialect = {
  name: 'made-up',
  prefix: '/poems',
  errorBody: ({ message }) => ({ sorry: message }),
  endpoints: [
    {
      kind: 'exchange',
      method: 'POST',
      path: '/poems',
      group: 'completions',
      cost: 'request',
      read: bodyReader(request, 'never'),
      prepare({ body, dropped }, orders) {
        const clamped: string[] = []
        const outputTokens = capCount(body, 'tokens', orders.outputTokens, clamped)
        body.model = orders.model
        return { body, outputTokens, clamped, dropped, reader: new PoemAnswer() }
      },
    },
  ],
}
