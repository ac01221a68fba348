/** What a reader makes of one frame when nobody judges its texts: at most one frame. */

import { passThrough, toFrames } from '../../src/dialects/common/output-filter.ts'
import type { ResponseReader } from '../../src/dialects/dialect.ts'
import type { Frame } from '../../src/dialects/framing/framing.ts'

export function readFrame(reader: ResponseReader, frame: Frame): Frame | undefined {
  const [first, ...others] = toFrames(reader.frame(frame, passThrough))
  if (others.length > 0) throw new Error('one frame became several')
  return first
}
