/** What somebody wants to know about. */
import type { Channel } from '../../../core/text.ts'

/** A text, and where it comes from. */
export interface Entered {
  readonly text: string
  readonly channel: Channel
}
