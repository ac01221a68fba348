/**
 * W3C Trace Context (https://www.w3.org/TR/trace-context/): one trace from the caller through the gate to the model
 * server. The gate is a span of its own in it. `tracestate` is not passed on: it may say anything.
 */
import { randomHex } from '../core/random.ts'
import { findSensitive } from '../detect/sensitive/mask.ts'

/** The trace that a request is part of. */
export interface Trace {
  /** As the caller sent it, or the beginning of a trace of ours. */
  readonly traceparent: string
  /** Our span in it: 16 hex digits. */
  readonly span: string
  /** What the model server gets: the same trace, our span. */
  readonly onward: string
  /** Whether whoever began the trace wants it kept (the flag `sampled`). */
  readonly sampled: boolean
}

/** Later versions may have more behind the flags (section 3.2.4, "Versioning of traceparent"). */
const form = /^(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})(-.{0,256})?$/

/**
 * Makes what reads an inbound `traceparent`, or begins a trace where there is none. A trace of ours is sampled if it is
 * exported; that of a caller is as the caller says.
 */
export function createTraces(): (inbound: string | undefined, exported: boolean) => Trace {
  return (inbound, exported) => {
    const [, version, trace, flags, more] = form.exec(inbound ?? '') ?? []
    const span = randomHex(8)
    if (inbound !== undefined && trace !== undefined && (version !== '00' || more === undefined)) {
      // Of a later version only what this one knows is passed on, and recorded.
      const known = version === '00' ? inbound : `00${inbound.slice(2, 55)}`
      // It goes on record as it is, so it must not be what a record masks.
      if (findSensitive(known).length === 0)
        return {
          traceparent: known,
          span,
          onward: `00-${trace}-${span}-${flags}`,
          sampled: (Number.parseInt(flags ?? '', 16) & 1) === 1,
        }
    }
    const own = `00-${randomHex(16)}-${span}-${exported ? '01' : '00'}`
    return { traceparent: own, span, onward: own, sampled: exported }
  }
}
