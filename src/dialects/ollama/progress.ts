/** Responses of the routes that change models: lines of progress that end with `success`, or an empty body. */
import { isObject, parse, pick } from '../../core/json.ts'
import { Transcript } from '../common/transcript.ts'
import type { ResponseReader } from '../dialect.ts'
import type { Frame } from '../framing/framing.ts'

const shown = ['status', 'digest', 'total', 'completed']

/** Reads lines of progress. */
export class ProgressReader implements ResponseReader {
  state: ResponseReader['state'] = 'open'
  readonly usage = undefined
  readonly transcript = new Transcript()

  frame(frame: Frame): Frame | undefined {
    const line = parse(frame.data)
    if (!isObject(line) || typeof line.status !== 'string' || line.error !== undefined) {
      this.state = 'failed'
      return undefined
    }
    if (line.status === 'success') {
      this.state = 'ended'
      this.transcript.addText('content', line.status)
    }
    return { data: JSON.stringify(pick(line, shown)) }
  }
}

/** Reads a response whose status is its only content. */
export class EmptyResponseReader implements ResponseReader {
  state: ResponseReader['state'] = 'open'
  readonly usage = undefined
  readonly transcript = new Transcript()

  frame({ data }: Frame): Frame | undefined {
    const said = data === '' ? undefined : parse(data)
    this.state = isObject(said) && said.error !== undefined ? 'failed' : 'ended'
    return { data: '' }
  }
}
