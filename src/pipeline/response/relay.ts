/**
 * Stage 10: frames of the answer, from the model server to the client. Every frame is parsed; what leaves is
 * what the dialect's reader returned. The last frame waits until the request is settled, so that nothing is
 * ever answered and unrecorded.
 *
 * A stream that ends without its end mark is a failure, and the client is told so.
 */
import { asRefusal, Refusal } from '../../core/refusal.ts'
import type { JudgeCall } from '../../dialects/common/call-verdict.ts'
import type { FilteredFrames } from '../../dialects/common/output-filter.ts'
import { serverError } from '../../dialects/common/server-errors.ts'
import { type ToolCall, toPublicError } from '../../dialects/dialect.ts'
import { framingOf } from '../../dialects/framing/content-type.ts'
import { wholeDocument } from '../../dialects/framing/document.ts'
import type { Frame, Framing, Splitter } from '../../dialects/framing/framing.ts'
import { sse } from '../../dialects/framing/sse.ts'
import type { Answer, Ending } from '../context.ts'
import { Carried } from '../finish/tokens-used.ts'
import { askCalls } from './await-approval.ts'
import { createDelay } from './frame-buffer.ts'
import { onSilence } from './idle-timer.ts'
import type { Blame, Outcome, Watch, WatchOptions } from './relay-types.ts'

/** Bytes of an error answer that are looked at, and how long they are waited for. */
const errorHead = 4096
const errorMs = 5000
/** Of one answer, that waits to be judged. */
const maxHeld = 4 * 1024 * 1024
/** Code units of a frame whose texts are read ahead. */
const longFrame = 32 * 1024
/** Bytes behind a call that is judged; a server that has more to say is held up, and keeps its slot. */
const maxBehind = 256 * 1024
/** A byte of a frame that is not finished will be text, what was read of it, that without what is cut, and what is sent. */
const unfinishedWeight = 6
/** A byte that was read and waits is kept as it came and as it would leave. */
const waitingWeight = 2

export function createWatch(options: WatchOptions): Watch {
  const { reader, passage, judge, dialect, streams, keepAliveMs, id, writer, sinceArrivalMs } = options
  const { holdsCalls, conclude, waited, served, settle } = options
  let framing: Framing = wholeDocument
  let splitter: Splitter | undefined
  let error: { status: number; body: string; retryAfter: string | undefined } | undefined
  let errorLate: NodeJS.Timeout | undefined
  let status = 0
  let blame: Blame = 'connection'
  /** By the model server. */
  let answered = 0
  /** What the client was told. */
  let sentStatus: number | undefined
  let begun = false
  let over = false
  let firstByteMs: number | undefined
  let firstTokenMs: number | undefined
  /** That humans took to decide. */
  let humansMs = 0
  let outgoing: string | Uint8Array = ''
  /** What leaves in this turn of the event loop. */
  let ready = ''
  /** Frames that came while something before them is worked on. */
  let backlog: Frame[] | undefined
  let behindBytes = 0
  let serverEnded = false
  /** Whether the client does not keep up. */
  let isFull = false
  const carried = new Carried()

  const answer = (): Answer => ({
    status: sentStatus ?? status,
    text: reader.transcript.text,
    toolCalls: reader.transcript.toolCalls,
    truncated: reader.transcript.truncated,
    usage: reader.usage,
    firstByteMs,
    firstTokenMs,
  })

  /** What has come and could not leave yet, and what is kept of it for the record. */
  const held = () =>
    (splitter?.held ?? 0) * unfinishedWeight +
    (outgoing.length + behindBytes + delay.held + (reader.held ?? 0)) * waitingWeight +
    reader.transcript.size

  const begin = () => {
    noteFirst()
    open()
  }

  const noteFirst = () => {
    if (firstByteMs !== undefined) return
    firstByteMs = sinceArrivalMs()
    if (framing.streams) firstTokenMs = firstByteMs - humansMs
  }

  const waitForHuman = (decided: Promise<unknown>) => {
    const sinceMs = sinceArrivalMs()
    const over = () => {
      const ms = sinceArrivalMs() - sinceMs
      humansMs += ms
      waited?.(ms)
    }
    decided.then(over, over)
  }

  const open = () => {
    if (begun) return
    begun = true
    sentStatus = status
    writer.begin(status, framing.contentType)
  }

  /** Before its model server has said anything, too: loading a model takes longer than proxies wait. */
  const beat = () => {
    if (over || isFull) return
    if (!splitter && !error) {
      status = 200
      framing = sse
    }
    if (framing !== sse || dialect.keepAlive === undefined) return
    open()
    writer.write(dialect.keepAlive)
  }
  const silence = streams && keepAliveMs > 0 && dialect.keepAlive ? onSilence(keepAliveMs, beat) : undefined
  const done = (outcome: Outcome) => {
    silence?.end()
    clearTimeout(errorLate)
    options.done(outcome)
  }

  const onStreamed = (frame: Frame) => {
    carried.add(frame.data.length)
    onFrame(frame)
  }

  const onFrame = (frame: Frame) => {
    if (backlog) return void backlog.push(frame)
    if (over || reader.state === 'ended' || reader.state === 'failed') return
    if (frame.data.length < longFrame || !passage.readAhead) return take(frame)
    later(passage.readAhead(frame.data), () => take(frame))
  }

  const take = (frame: Frame) => {
    add(reader.frame(frame, passage))
    if (judge && reader.waiting && reader.waiting.length > 0) ask(judge, reader.waiting)
  }

  const emit = (frame: Frame) => {
    const printed = framing.encode(frame)
    // Bytes come one piece at a time, so there is nothing before them.
    outgoing = typeof printed === 'string' && typeof outgoing === 'string' ? outgoing + printed : printed
  }
  const delay = createDelay(passage, emit)

  const add = (passed: FilteredFrames) => {
    if (passed === undefined) return
    if ('data' in passed) delay.add(passed)
    else passed.forEach(delay.add)
    delay.settle(reader.state === 'ended')
  }

  /** Nothing of the answer goes on before this work is done. But it may come: then the model server is free for others. */
  const later = <T>(work: Promise<T>, go: (result: T) => void) => {
    const behind: Frame[] = []
    backlog = behind
    work.then(
      (result) => {
        if (over) return
        backlog = undefined
        reading(() => {
          go(result)
          for (const frame of behind) onFrame(frame)
        })
        if (backlog) return
        behindBytes = 0
        // When that was all, too: what is left of the connection must be read.
        watch.flow?.resume()
        if (serverEnded && !over) endOfServer()
      },
      (refusal: unknown) => stop(asRefusal(refusal)),
    )
  }

  /** A human may take minutes to say yes. */
  const ask = (judge: JudgeCall, calls: readonly ToolCall[]) => {
    // A document may take its time; a stream without signs of life would be given up.
    const keepAlive = !framing.streams
      ? undefined
      : framing === sse && dialect.keepAlive !== undefined && beat
    later(askCalls(calls, { judge, keepAlive, waiting: waitForHuman }), (verdicts) =>
      add(reader.resume?.(verdicts, passage)),
    )
  }

  /** After every piece of the answer: send what may leave, and see whether that was all. */
  const advance = () => {
    if (over) return
    if (reader.state === 'failed') return fail('failure', 'the model server reported a failure')
    if (reader.state === 'ended') return finish()
    if (outgoing.length === 0) return
    if (holdsCalls && reader.transcript.toolCalls.length > 0) {
      if (outgoing.length > maxHeld) fail('form', 'the tool calls of an answer are too large')
      return
    }
    begin()
    const data = outgoing
    outgoing = ''
    if (typeof data !== 'string') return write(data)
    if (ready === '') queueMicrotask(flush)
    ready += data
  }

  /** Once for all that one read of the socket brought: a write costs more than what is in it. */
  const flush = () => {
    const data = ready
    ready = ''
    if (data !== '') write(data)
  }

  const write = (data: string | Uint8Array) => {
    silence?.broken()
    if (writer.write(data)) return
    isFull = true
    watch.flow?.pause()
    writer.onDrain(() => {
      isFull = false
      watch.flow?.resume()
    })
  }

  /** Takes what is about to leave along with the last bytes. */
  const end = (last: string | Uint8Array) => {
    const before = ready
    ready = ''
    if (typeof last === 'string') return writer.end(before + last)
    if (before !== '') writer.write(before)
    writer.end(last)
  }

  const finish = () => {
    over = true
    if (!holdsCalls || reader.transcript.toolCalls.length === 0) return complete()
    conclude(answer()).then((refusal) => {
      if (!refusal) return complete()
      over = false
      stop(refusal)
    })
  }

  const complete = () => {
    const last = outgoing
    noteFirst()
    settled({ kind: 'answered', answer: answer() }, () => {
      begin()
      end(last)
    })
  }

  /** Records the ending, then sends; if it cannot be recorded, the client does not get what it asked for. */
  const settled = (ending: Ending, send: () => void, refusal?: Refusal) => {
    settle(ending).then(
      () => {
        send()
        done({ refusal, told: true, status, blame })
      },
      (cause: unknown) => {
        watch.flow?.abort()
        const unrecorded = new Refusal('audit_unavailable', { cause, retryAfterSeconds: 1 })
        if (begun) sendError(unrecorded)
        done({ refusal: unrecorded, told: begun, status, blame })
      },
    )
  }

  /** Behind what was already sent. */
  const sendError = (refusal: Refusal) => {
    const error = toPublicError(refusal, id)
    const frame = reader.errorFrame?.(error) ?? { data: JSON.stringify(dialect.errorBody(error)) }
    if (framing.streams) end(framing.encode(frame))
    else writer.break()
  }

  const stop = (refusal: Refusal) => {
    if (over) return
    over = true
    watch.flow?.abort()
    if (!begun) return done({ refusal, told: false, status, blame })
    settled({ kind: 'cut', refusal, answer: answer() }, () => sendError(refusal), refusal)
  }

  const fail = (whose: Blame, detail: string, cause?: unknown) => {
    blame = whose
    stop(new Refusal('upstream_failed', { detail, cause }))
  }

  /** Runs what reads the model server's bytes: an answer that cannot be read is its failure, not ours. */
  const reading = (step: () => void) => {
    try {
      step()
    } catch (cause) {
      if (cause instanceof Refusal) return stop(cause)
      return fail('form', 'the answer cannot be read', cause)
    }
    advance()
  }

  /** Whatever else it has to say: it must not keep its slot with that. */
  const endOfError = () => {
    if (!error) return
    blame = 'failure'
    stop(serverError(error.status, error.body, error.retryAfter))
  }

  const endOfServer = () => {
    serverEnded = true
    served()
    if (!backlog) fail('connection', 'the answer ended without its end mark')
  }

  const watch: Watch = {
    get answer() {
      return answer()
    },
    get carried() {
      return carried.tokens
    },
    get answered() {
      return answered
    },
    flow: undefined,
    receiver: {
      head(given, header) {
        status = given
        answered = given
        if (status >= 300) {
          error = { status, body: '', retryAfter: header('retry-after') }
          errorLate = setTimeout(endOfError, errorMs)
          return
        }
        const type = header('content-type') ?? ''
        const announced = reader.framing?.(type) ?? framingOf(type)
        if (begun && announced !== framing) return fail('form', 'not the stream that was begun')
        framing = announced
        // One frame of a stream would pass for the whole answer.
        if (framing.streams && !streams) return fail('form', 'a stream that nobody asked for')
        splitter = framing.split(framing.streams ? onStreamed : onFrame)
      },
      data(bytes) {
        if (over) return
        if (error) {
          error.body += bytes.toString('utf8', 0, errorHead)
          if (error.body.length >= errorHead) endOfError()
          return
        }
        if (backlog) {
          behindBytes += bytes.length
          if (behindBytes > maxBehind) watch.flow?.pause()
        }
        reading(() => {
          splitter?.push(bytes)
          options.hold(held())
        })
      },
      end() {
        if (over) return
        if (error) return endOfError()
        reading(() => splitter?.end())
        if (!over) endOfServer()
      },
      fail: stop,
    },

    interrupt(refusal) {
      if (over) return
      if (refusal) return stop(refusal)
      over = true
      watch.flow?.abort()
      // Many clients leave as soon as they have what they want: behind the finish mark that is no abort.
      const complete = reader.state === 'finished' || reader.state === 'ended' || reader.transcript.called
      const ending: Ending = complete
        ? { kind: 'answered', answer: answer() }
        : { kind: 'aborted', answer: begun ? answer() : undefined }
      settled(ending, () => {})
    },
  }
  return watch
}
