/** What a reader makes of one frame when nobody judges its texts: at most one frame. */

import { framesOf, untouched } from '../../src/dialects/common/output-filter.ts'
import type { AnswerReader } from '../../src/dialects/dialect.ts'
import type { Frame } from '../../src/dialects/framing/framing.ts'

export function readFrame(reader: AnswerReader, frame: Frame): Frame | undefined {
  const [first, ...others] = framesOf(reader.frame(frame, untouched))
  if (others.length > 0) throw new Error('one frame became several')
  return first
}
