/**
 * Frames of a response, from the model server to the client. Every frame is parsed; what leaves is what the
 * dialect's reader returned. When it is decided how the response ends, the last bytes wait (`ending`) until the request
 * is on record, so that nothing is ever answered and unrecorded; then `finish` sends them.
 *
 * A stream that ends without its end mark is a failure, and the client is told so. `relay-state.ts` has the states.
 */
import { asRefusal, Refusal } from '../../core/refusal.ts'
import type { FilteredFrames } from '../../dialects/common/output-filter.ts'
import { type ToolCall, toPublicError } from '../../dialects/dialect.ts'
import { framingOf } from '../../dialects/framing/content-type.ts'
import type { Frame, Splitter } from '../../dialects/framing/framing.ts'
import { sse } from '../../dialects/framing/sse.ts'
import type { ModelResponse } from '../ending.ts'
import { Carried } from '../finish/tokens-used.ts'
import type { ResponseHandler, UpstreamStream } from '../ports.ts'
import { ArrivedBytes } from './arrived-bytes.ts'
import { judgeCalls } from './await-approval.ts'
import { ClientStream } from './client-stream.ts'
import { createFrameBuffer } from './frame-buffer.ts'
import { maxBehind, maxHeld, readsAhead, unfinishedWeight, waitingWeight } from './relay-limits.ts'
import { RelayStates } from './relay-state.ts'
import type { Blame, RelayOptions, RelayOutcome } from './relay-types.ts'
import { ResponseTiming } from './response-timing.ts'
import { UpstreamError } from './upstream-error.ts'

/** Relays one response of one model server. */
export class Relay implements ResponseHandler {
  readonly #options: RelayOptions
  readonly #client: ClientStream
  readonly #buffer: ReturnType<typeof createFrameBuffer>
  readonly #carried = new Carried()
  readonly #timing: ResponseTiming
  readonly #states = new RelayStates()
  /** Of this connection to the model server; set when the request was sent. */
  upstream: UpstreamStream | undefined
  #splitter: Splitter | undefined
  #error: UpstreamError | undefined
  #status = 0
  #upstreamStatus = 0
  #blame: Blame = 'connection'
  readonly #arrived = new ArrivedBytes((bytes) => this.#read(bytes))
  /** Frames that came behind what is being worked on. */
  #behind: Frame[] = []
  #behindBytes = 0
  #hasServerEnded = false
  #hasClientLeft = false

  constructor(options: RelayOptions) {
    const { filter, writer, isStream, keepAliveMs, dialect } = options
    this.#options = options
    const isKeptAlive = isStream && dialect.keepAlive !== undefined
    this.#client = new ClientStream(writer, isKeptAlive ? keepAliveMs : 0, {
      idle: () => this.#keepAlive(),
      full: () => this.upstream?.pause(),
      drained: () => this.upstream?.resume(),
    })
    this.#buffer = createFrameBuffer(filter, (frame) => this.#client.add(frame))
    this.#timing = new ResponseTiming(options.sinceArrivalMs, options)
  }

  /** Resolves when it is decided how the response ends; never rejects. */
  get outcome(): Promise<RelayOutcome> {
    return this.#states.outcome
  }

  /** What came back, as far as it came. */
  get answer(): ModelResponse {
    const { transcript, usage } = this.#options.reader
    return {
      status: this.#client.status ?? this.#status,
      text: transcript.text,
      toolCalls: transcript.toolCalls,
      truncated: transcript.truncated,
      usage,
      firstByteMs: this.#timing.firstByteMs,
      firstTokenMs: this.#timing.firstTokenMs,
    }
  }

  /** Estimates the tokens that came as a stream. */
  get carried(): number {
    return this.#carried.tokens
  }

  /** The HTTP status that the model server answered, 0 if it has not. */
  get upstreamStatus(): number {
    return this.#upstreamStatus
  }

  /** Milliseconds from arrival until the model server began its response; undefined: it has not. */
  get headMs(): number | undefined {
    return this.#timing.headMs
  }

  head(status: number, header: (name: string) => string | undefined) {
    this.#timing.noteHead()
    if (this.#states.isOver) return
    this.#status = status
    this.#upstreamStatus = status
    if (status >= 300) {
      this.#states.enter('failing')
      this.#error = new UpstreamError(status, header('retry-after'), () => this.#endOfError())
      return
    }
    const type = header('content-type') ?? ''
    const framing = this.#options.reader.framing?.(type) ?? framingOf(type)
    if (this.#client.hasBegun && framing !== this.#client.framing)
      return this.#fail('form', 'not the stream that was begun')
    this.#client.framing = framing
    // One frame of a stream would pass for the whole response.
    if (framing.streams && !this.#options.isStream)
      return this.#fail('form', 'a stream that nobody asked for')
    this.#states.enter('streaming')
    this.#splitter = framing.split(framing.streams ? this.#onStreamedFrame : this.#onFrame)
  }

  data(bytes: Buffer) {
    if (!this.#states.isOver) (this.#error ?? this.#arrived).add(bytes)
  }

  #read(bytes: Buffer) {
    if (this.#states.isOver) return
    if (this.#states.isHolding) {
      this.#behindBytes += bytes.length
      if (this.#behindBytes > maxBehind) this.upstream?.pause()
    }
    try {
      this.#splitter?.push(bytes)
      this.#options.hold(this.#heldBytes())
    } catch (cause) {
      return this.#unreadable(cause)
    }
    this.#advance()
  }

  end() {
    this.#arrived.readNow()
    if (this.#states.isOver) return
    if (this.#error) return this.#endOfError()
    try {
      this.#splitter?.end()
    } catch (cause) {
      return this.#unreadable(cause)
    }
    this.#advance()
    if (!this.#states.isOver) this.#endOfServer()
  }

  fail(refusal: Refusal): void {
    this.#arrived.readNow()
    this.#stop(refusal)
  }

  /** Ends the relay early: with a refusal, or (undefined) because the client left. */
  interrupt(refusal: Refusal | undefined) {
    this.#arrived.readNow()
    if (this.#states.isOver) return
    if (refusal) return this.#stop(refusal)
    this.upstream?.abort()
    const { state, transcript } = this.#options.reader
    // Many clients leave as soon as they have what they want: behind the finish mark that is no abort.
    const isComplete = state === 'finished' || state === 'ended' || transcript.called
    const { answer } = this
    this.#hasClientLeft = true
    this.#finishGuard()
    if (isComplete) this.#conclude({ kind: 'answered', answer })
    else this.#conclude({ kind: 'aborted', answer: this.#client.hasBegun ? answer : undefined })
  }

  /** Takes back that the response is complete: its tool calls must not leave. */
  refuse(refusal: Refusal): RelayOutcome {
    this.upstream?.abort()
    const isTold = this.#client.hasBegun
    const ending = isTold ? ({ kind: 'cut', refusal, answer: this.answer } as const) : undefined
    const outcome = this.#states.revise({ ending, refusal, holdsCalls: false })
    if (!isTold) this.#end()
    return outcome
  }

  /** Sends the last bytes: the request is on record. */
  finish(): RelayOutcome {
    const outcome = this.#states.revise({ isTold: true })
    if (outcome.refusal) this.#sendError(outcome.refusal)
    else if (!this.#hasClientLeft) {
      this.#client.begin(this.#status)
      this.#client.end()
    }
    this.#end()
    return outcome
  }

  /** Ends without what the client asked for: the request could not be recorded. */
  abandon(cause: unknown): RelayOutcome {
    const refusal = new Refusal('audit_unavailable', { cause, retryAfterSeconds: 1 })
    const isTold = this.#client.hasBegun
    const outcome = this.#states.revise({ ending: undefined, refusal, isTold })
    this.upstream?.abort()
    if (isTold) this.#sendError(refusal)
    this.#end()
    return outcome
  }

  #outcomeOf(ending: RelayOutcome['ending'], refusal: Refusal | undefined): RelayOutcome {
    const holdsCalls = ending?.kind === 'answered' && !this.#hasClientLeft && this.#holdsCalls
    return { ending, refusal, holdsCalls, isTold: false, status: this.#status, blame: this.#blame }
  }

  #conclude(ending: NonNullable<RelayOutcome['ending']>, refusal?: Refusal): void {
    this.#states.conclude(this.#outcomeOf(ending, refusal))
  }

  /** Nothing happens behind this. */
  #end(): void {
    this.#states.enter('ended')
    this.#stopTimers()
  }

  #stopTimers(): void {
    this.#client.stopTimer()
    this.#error?.stop()
  }

  /** Ends the response with a refusal, told in it if it has begun. */
  #stop(refusal: Refusal) {
    if (this.#states.isOver) return
    this.upstream?.abort()
    if (this.#client.hasBegun) {
      this.#finishGuard()
      return this.#conclude({ kind: 'cut', refusal, answer: this.answer }, refusal)
    }
    this.#stopTimers()
    this.#states.giveUp(this.#outcomeOf(undefined, refusal))
  }

  #fail(blame: Blame, detail: string, cause?: unknown): void {
    this.#blame = blame
    this.#stop(new Refusal('upstream_failed', { detail, cause }))
  }

  /** A response that cannot be read is the model server's failure, not ours. */
  #unreadable(cause: unknown) {
    if (cause instanceof Refusal) return this.#stop(cause)
    this.#fail('form', 'the answer cannot be read', cause)
  }

  /** The end mark was seen. */
  #complete() {
    const fault = this.#finishGuard(true)
    if (fault) return this.#stop(fault)
    this.#timing.noteFirstByte(this.#client.framing.streams)
    this.#conclude({ kind: 'answered', answer: this.answer })
  }

  /** @returns the refusal if the guard refuses or fails; what it found until then stays */
  #finishGuard(isWhole = false): Refusal | undefined {
    try {
      this.#options.guard?.finish(isWhole)
      return undefined
    } catch (cause) {
      return asRefusal(cause)
    }
  }

  #endOfError(): void {
    if (!this.#error) return
    this.#blame = 'failure'
    this.#stop(this.#error.refusal)
  }

  #endOfServer(): void {
    this.#hasServerEnded = true
    this.#options.served()
    if (!this.#states.isHolding) this.#fail('connection', 'the answer ended without its end mark')
  }

  readonly #onStreamedFrame = (frame: Frame) => {
    this.#carried.add(frame.data.length)
    this.#onFrame(frame)
  }

  readonly #onFrame = (frame: Frame) => {
    if (this.#states.isHolding) return void this.#behind.push(frame)
    const { reader, filter } = this.#options
    if (this.#states.isOver || reader.state === 'ended' || reader.state === 'failed') return
    if (!readsAhead(frame, this.#options)) return this.#take(frame)
    const readAhead = () => filter.readAhead?.(frame.data) ?? Promise.resolve()
    this.#hold('holding', readAhead, () => this.#take(frame))
  }

  #take(frame: Frame): void {
    const { reader, filter, judge } = this.#options
    this.#add(reader.frame(frame, filter))
    if (judge && reader.waiting && reader.waiting.length > 0) this.#ask(reader.waiting)
  }

  #add(filtered: FilteredFrames): void {
    if (filtered === undefined) return
    if ('data' in filtered) this.#buffer.add(filtered)
    else filtered.forEach(this.#buffer.add)
    this.#buffer.settle(this.#options.reader.state === 'ended')
  }

  /** Nothing goes on before this work is done. But it may come: then the model server is free for others. */
  #hold<T>(state: 'holding' | 'asking', work: () => Promise<T>, go: (result: T) => void): void {
    // First: what judges calls may end the request at once.
    this.#states.enter(state)
    work().then(
      (result) => this.#goOn(() => go(result)),
      (refusal: unknown) => this.#stop(asRefusal(refusal)),
    )
  }

  #goOn(go: () => void) {
    if (this.#states.isOver) return
    const behind = this.#behind
    this.#behind = []
    this.#states.enter('streaming')
    try {
      go()
      for (const frame of behind) this.#onFrame(frame)
    } catch (cause) {
      this.#unreadable(cause)
    }
    this.#advance()
    if (this.#states.isHolding) return
    this.#behindBytes = 0
    // When that was all, too: what is left of the connection must be read.
    this.upstream?.resume()
    if (this.#hasServerEnded && !this.#states.isOver) this.#endOfServer()
  }

  /** A human may take minutes to say yes. */
  #ask(calls: readonly ToolCall[]) {
    const { judge, reader, filter, dialect } = this.#options
    if (!judge) return
    const { framing } = this.#client
    // A document or session may take its time; a stream without signs of life would be given up.
    const mayPause = framing.mayPause ?? !framing.streams
    const sign = framing === sse && dialect.keepAlive !== undefined && (() => this.#keepAlive())
    const waiting = (decided: Promise<unknown>) => this.#timing.waitForHuman(decided)
    const judged = () => judgeCalls(calls, { judge, keepAlive: mayPause ? undefined : sign, waiting })
    this.#hold('asking', judged, (verdicts) => this.#add(reader.resume?.(verdicts, filter)))
  }

  /** After every piece of the response: send what may leave, and see whether that was all. */
  #advance() {
    if (this.#states.isOver) return
    const { state } = this.#options.reader
    if (state === 'failed') return this.#fail('failure', 'the model server reported a failure')
    if (state === 'ended') return this.#complete()
    const { pendingLength } = this.#client
    if (pendingLength === 0) return
    if (this.#holdsCalls) {
      if (pendingLength > maxHeld) this.#fail('form', 'the tool calls of an answer are too large')
      return
    }
    this.#timing.noteFirstByte(this.#client.framing.streams)
    this.#client.begin(this.#status)
    this.#client.send()
  }

  get #holdsCalls(): boolean {
    return this.#options.holdsCalls && this.#options.reader.transcript.toolCalls.length > 0
  }

  /** Before its model server has said anything, too: loading a model takes longer than proxies wait. */
  #keepAlive() {
    if (this.#states.isOver || this.#client.isFull) return
    if (this.#states.current === 'waiting') {
      this.#status = 200
      this.#client.framing = sse
    }
    const { keepAlive } = this.#options.dialect
    if (this.#client.framing !== sse || keepAlive === undefined) return
    this.#client.begin(this.#status)
    this.#client.sendKeepAlive(keepAlive)
  }

  /** Behind what was already sent. */
  #sendError(refusal: Refusal) {
    const { reader, dialect, id } = this.#options
    const error = toPublicError(refusal, id)
    this.#client.endWithError(
      reader.errorFrame?.(error) ?? { data: JSON.stringify(dialect.errorBody(error)) },
    )
  }

  /** Bytes that have come and could not leave yet, and what is kept of them for the record. */
  #heldBytes(): number {
    const { reader } = this.#options
    return (
      (this.#splitter?.held ?? 0) * unfinishedWeight +
      (this.#client.pendingLength + this.#behindBytes + this.#buffer.held + (reader.held ?? 0)) *
        waitingWeight +
      reader.transcript.size
    )
  }
}
