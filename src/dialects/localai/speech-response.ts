/** Responses that are audio. No guard reads them; the text that was to be spoken is in the record of the prompt. */
import type { Usage } from '../../core/usage.ts'
import { Transcript } from '../common/transcript.ts'
import type { ResponseReader } from '../dialect.ts'
import { binary } from '../framing/binary.ts'
import { mediaTypeOf } from '../framing/content-type.ts'
import type { Frame, Framing } from '../framing/framing.ts'

const audio = /^audio\/[a-z0-9.+-]{1,64}$/

/** Forwards one response, if it is audio. */
export class SpeechResponseReader implements ResponseReader {
  state: ResponseReader['state'] = 'open'
  readonly isUnread = true
  readonly usage: Usage | undefined
  readonly transcript = new Transcript()
  #isAudio = false

  framing(contentType: string): Framing {
    const type = mediaTypeOf(contentType)
    this.#isAudio = audio.test(type)
    return binary(type)
  }

  frame(frame: Frame): Frame | undefined {
    if (!this.#isAudio) this.state = 'failed'
    else if (frame.bytes?.length === 0) this.state = 'ended'
    return this.#isAudio ? frame : undefined
  }
}
