/** The steps of the pipeline that have to be made, and what is made of them. */
import type { Refusal } from '../core/refusal.ts'
import type { Exchange } from '../dialects/dialect.ts'
import type { PassThroughRule } from '../policy/policy.ts'
import type { Log } from '../telemetry/log.ts'
import type {
  Admitted,
  Authenticated,
  Destination,
  Guarded,
  Metered,
  Passing,
  RequestContext,
} from './context.ts'
import type { RecordPrompt } from './finish/audit-record.ts'
import type { ChargeToolCalls } from './finish/charge.ts'
import type { Settle } from './finish/settle.ts'
import type { LetThrough } from './pass-through.ts'
import type { PassedThrough } from './passed-through.ts'
import type { ResponseWriter, UpstreamClient } from './ports.ts'
import type { Admit } from './request/admit.ts'
import type { Authenticate } from './request/authenticate.ts'
import type { AuthoriseModel } from './request/authorise.ts'
import type { CompareTools } from './request/compare-tools.ts'
import type { MatchToolResults } from './request/match-tool-results.ts'
import type { Parse } from './request/parse.ts'
import type { Prepare } from './request/prepare.ts'
import type { Reserve } from './request/reserve.ts'
import type { ScanPrompt } from './request/scan-prompt.ts'
import type { MakeResponseGuard } from './response/output-guard.ts'
import type { Send } from './response/send.ts'

/** What each may throw stands in its file. */
export interface Steps {
  /** Tells whether there is a log to write to: nothing is forwarded that could not be recorded. */
  recordable(): boolean
  readonly authenticate: Authenticate
  /** @throws Refusal `frozen`, `route_not_allowed`, `not_found` */
  authoriseRoute(request: Authenticated, to: Destination): void
  readonly letThrough: LetThrough
  readonly admit: Admit
  readonly parse: Parse
  readonly authoriseModel: AuthoriseModel
  readonly prepare: Prepare
  readonly reserve: Reserve
  readonly scan: ScanPrompt
  readonly compareTools: CompareTools
  readonly matchToolResults: MatchToolResults
  readonly makeResponseGuard: MakeResponseGuard
  readonly send: Send
  /** Makes the step that sends requests over another connection than those of HTTP. */
  sendThrough(client: UpstreamClient): Send
  readonly recordPrompt: RecordPrompt
  readonly chargeToolCalls: ChargeToolCalls
  readonly settle: Settle
  readonly log: Log
}

/** Where the body of a request comes from that is judged, and whom a refused credential counts against. */
export type JudgedBody = Pick<ResponseWriter, 'body' | 'form' | 'upload' | 'parameter' | 'failedLogin'>

/** The way of a request, for the routes that lead into it. */
export interface Pipeline {
  /** Recognises the caller; a wrong credential counts against its address. @throws Refusal */
  authenticate(context: RequestContext, writer: Pick<ResponseWriter, 'failedLogin'>): Promise<Authenticated>
  /** Counts the request. @throws Refusal */
  admit(request: Authenticated, to: Metered): Promise<Admitted>
  /** Authenticates, authorises the route and admits: for every route. @throws Refusal */
  enter(
    context: RequestContext,
    to: Destination & Metered,
    writer: Pick<ResponseWriter, 'failedLogin'>,
  ): Promise<Admitted>
  /** Takes a request as far as a model server, and not to one. @throws Refusal */
  judge(context: RequestContext, to: Destination<Exchange> & Metered, body: JudgedBody): Promise<Guarded>
  /** Takes a request with a body all the way. Never rejects. */
  exchange(context: RequestContext, to: Destination<Exchange>, writer: ResponseWriter): Promise<void>
  /** Authenticates, authorises and counts what is then passed through unread. @throws Refusal */
  passThrough(
    context: RequestContext,
    rule: PassThroughRule,
    passed: PassedThrough,
    writer: ResponseWriter,
  ): Promise<Passing>
  /** Authenticates, then refuses: for what no dialect declares. Never rejects. */
  turnAway(context: RequestContext, refusal: Refusal, writer: ResponseWriter): Promise<void>
  /** Ends a request with what was thrown: settles it, then tells the client. Never throws. */
  refuse(context: RequestContext, thrown: unknown, writer: ResponseWriter): void
}
