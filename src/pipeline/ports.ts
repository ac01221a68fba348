/** What the stages need of the connections: one to the client, one to the model server. `http/` has both. */
import type { JsonObject } from '../core/json.ts'
import type { Refusal } from '../core/refusal.ts'
import type { Exchange, Upload } from '../dialects/dialect.ts'
import type { Upstream } from '../policy/policy.ts'

/** The client's side. */
export interface ResponseWriter {
  /** How many bytes the body has, by its head; undefined: the head does not say, or not what they decompress to. */
  readonly announcedBytes: number | undefined
  /** The whole body, at most `limit` bytes of JSON, before and after it is decompressed. @throws Refusal */
  body(limit: number): Promise<Buffer>
  /** The whole form, at most `limit` bytes. @throws Refusal */
  form(limit: number): Promise<Form>
  /** The path's parameter, or nothing. */
  readonly parameter: string
  /** The body as it arrives; ends with a Refusal over `limit` bytes. */
  upload(limit: number): AsyncIterable<Uint8Array>
  /** A credential was refused: counts it at the door. @throws Refusal `rate_limited` past the limit */
  failedLogin(): Promise<void>
  /** Status and headers; they leave with the first bytes. */
  begin(status: number, contentType: string): void
  /** @returns false if the client does not keep up; `onDrain` says when it does again */
  write(data: string | Uint8Array): boolean
  onDrain(resume: () => void): void
  /** The last bytes. */
  end(data: string | Uint8Array): void
  /** Closes the connection: an answer that has begun cannot be completed, and must not look as if it were. */
  break(): void
  /** Instead of an answer, in the caller's dialect. */
  refuse(refusal: Refusal): void
}

/** A `multipart/form-data` body: every field once, one file. */
export interface Form {
  readonly fields: JsonObject
  readonly file: Upload
}

/** The model server's side. */
export interface UpstreamClient {
  send(upstreamRequest: UpstreamRequest, receiver: ResponseHandler): UpstreamStream
}

/** What is sent to a model server. */
export interface UpstreamRequest {
  readonly upstream: Upstream
  readonly method: Exchange['method']
  readonly path: string
  /** A form's fields, beside its file; JSON otherwise. */
  readonly body: JsonObject
  readonly file: Upload | undefined
  /** Instead of both: bytes as they arrive. */
  readonly uploadStream: AsyncIterable<Uint8Array> | undefined
  readonly traceparent: string
  /** How long it may take to begin its answer, and to go on with it; 0: as long as the request lives. */
  readonly firstByteMs: number
  readonly silenceMs: number
}

/** Hears of a model server's response: `head` once, `data`, then `end`; or `fail` at any point. */
export interface ResponseHandler {
  head(status: number, header: (name: string) => string | undefined): void
  data(bytes: Buffer): void
  end(): void
  /** Instead of `end`: what went wrong, as a refusal. */
  fail(refusal: Refusal): void
}

/** A response under way. */
export interface UpstreamStream {
  pause(): void
  resume(): void
  /** Closes the connection to the model server, which stops the generation. Nothing is called back after it. */
  abort(): void
}
