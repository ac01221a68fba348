/**
 * The output guard: what stands between the texts of one response and the client, channel by channel, whatever the
 * dialect. Cuts what the policy wants cut, ends the response where the policy says so, and keeps what it found for the
 * record. A fault in it refuses.
 */
import { holderOf } from '../../auth/identity.ts'
import { asRefusal, Refusal } from '../../core/refusal.ts'
import { createRecall } from '../../detect/injection/scan-cache.ts'
import type { Scanner } from '../../detect/injection/scanner.ts'
import { type Shingles, shinglesOf } from '../../detect/injection/shingles.ts'
import type { OutputFilter, TextKind } from '../../dialects/common/output-filter.ts'
import type { OutputGuard, PromptGuard } from '../../policy/policy.ts'
import type { Metrics } from '../../telemetry/metrics.ts'
import { type Authenticated, extend, type Guarded, type Matched } from '../context.ts'
import type { ResponseGuard } from '../findings.ts'
import { countFindings } from '../labels.ts'
import type { GuardTurns } from '../request/guard-turns.ts'
import { type AskedForm, FormCheck } from './asked-form.ts'
import { guardsResponse } from './guarded-routes.ts'
import { ResponseNotes } from './output-findings.ts'
import {
  type ChannelText,
  type Found,
  makeDetectors,
  type OpenChannel,
  type OutputDetectors,
  OutputTexts,
  type Sign,
} from './output-texts.ts'
import { SlicedTexts } from './sliced-scan.ts'

const guard = 'output'

/** What it takes to guard responses. */
export interface OutputGuardParts {
  /** Of the signatures that count for requests of this policy. */
  scannerFor(guard: PromptGuard): Pick<Scanner, 'scan'>
  readonly turns: GuardTurns
  readonly metrics: Metrics
}

/** What the guard has to know of a request. */
export type GuardedRequest = Pick<Authenticated, 'identity' | 'role' | 'guardWork' | 'cancellation' | 'would'>

/** And of the prompt that is answered. */
export interface AnsweredPrompt {
  /** The system prompt, which must not be repeated; empty: there is none. */
  readonly systemPrompt: string
  /** The marker in it, if one was planted. */
  readonly canary: string | undefined
  /** Whether no text of the response can be read: sound. */
  readonly isUnread: boolean
  /** Absent: it was asked for in no form that could be checked. */
  readonly asked?: AskedForm
}

/** @returns undefined if this role's responses are not guarded */
export type MakeResponseGuard = (request: GuardedRequest, about: AnsweredPrompt) => ResponseGuard | undefined

/** Makes what guards responses, with the detectors of each policy. */
export function createResponseGuards({ scannerFor, turns, metrics }: OutputGuardParts): MakeResponseGuard {
  const known = new WeakMap<OutputGuard, OutputDetectors>()
  const detectorsFor = (settings: OutputGuard) => {
    const made = known.get(settings) ?? makeDetectors(settings)
    known.set(settings, made)
    return made
  }
  const shingles = createRecall(shinglesOf)
  const none: Shingles = new Set()

  return (request, about) => {
    const { role, identity, guardWork, cancellation } = request
    const { outputGuard: settings, promptGuard } = role
    if (settings.mode === 'off') return undefined
    const enforces = settings.mode === 'enforce'
    const notes = new ResponseNotes(settings, {
      count: (finding) => countFindings(metrics, identity, finding),
      wouldBlock: () => request.would.add('output_blocked'),
    })
    const { actions } = notes
    let theft: Shingles | undefined
    const theftOf = () => {
      theft ??=
        actions.theft === 'off' || about.systemPrompt === ''
          ? none
          : shingles.of(about.systemPrompt, identity.id)
      return theft
    }
    const spend = (units: number) => guardWork.spend(units)
    const scanSettings = {
      spend,
      theft: theftOf,
      scanner: scannerFor(promptGuard),
      thresholds: promptGuard,
      eager: enforces && [actions.injection, actions.scripts, actions.theft].includes('block'),
      injection: actions.injection !== 'off',
      scripts: actions.scripts !== 'off',
    }
    const texts = new OutputTexts(detectorsFor(settings), about.canary, scanSettings, notes)
    const reader = { owner: holderOf(identity), work: guardWork, cancellation }
    const sliced = new SlicedTexts<Found | Sign>((kind, again) => texts.beginWhole(kind, again), {
      spend,
      inTurns: (steps) => turns.run(steps, reader),
    })
    const faultOf = (cause: unknown): Refusal => {
      // A fault of ours is no fault of the model server's.
      if (cause instanceof Refusal || cancellation.over) return asRefusal(cause)
      metrics.guardFailures.inc({ guard })
      return new Refusal('internal', { detail: 'the output guard failed', cause })
    }
    const alters = enforces && (settings.alters || about.canary !== undefined)
    const form = about.asked && actions.schema !== 'off' && new FormCheck(about.asked, notes, spend)
    const filter = new GuardedOutput({ texts, sliced, notes, form, alters, spend, faultOf })
    return new TextGuard(filter, notes, about)
  }
}

/** Gives the response of a request its guard, where its route and role have one. */
export function guardResponse(request: Matched, make: MakeResponseGuard): Guarded {
  const { endpoint, role, prompt, outgoing, canary } = request
  const system = prompt.texts.filter(({ channel }) => channel === 'system').map(({ text }) => text)
  const { reader } = outgoing
  const about = {
    systemPrompt: system.join('\n'),
    canary,
    isUnread: reader.isUnread ?? false,
    asked: { prompt, reader },
  }
  const responseGuard = guardsResponse(endpoint, role) ? make(request, about) : undefined
  return extend(request, { responseGuard, toolCalls: { findings: [], stopped: [], approvals: new Map() } })
}

class TextGuard implements ResponseGuard {
  readonly filter: GuardedOutput
  readonly planted: readonly string[]
  readonly #notes: ResponseNotes
  readonly #isUnread: boolean
  #isFinished = false

  constructor(filter: GuardedOutput, notes: ResponseNotes, { canary, isUnread }: AnsweredPrompt) {
    this.filter = filter
    this.planted = canary === undefined ? [] : ['canary']
    this.#notes = notes
    this.#isUnread = isUnread
  }

  get findings() {
    return this.#notes.findings
  }

  get cuts() {
    return this.#notes.cuts
  }

  get verdict() {
    if (this.filter.hasRun) return this.#notes.verdict
    return this.#isUnread ? 'unread' : undefined
  }

  finish(isWhole = false): void {
    if (this.#isFinished) return
    this.#isFinished = true
    try {
      this.filter.checkForm(isWhole)
    } finally {
      this.#notes.end()
      this.filter.finish()
    }
  }
}

interface GuardedOutputParts {
  readonly texts: OutputTexts
  readonly sliced: SlicedTexts<Found | Sign>
  readonly notes: ResponseNotes
  readonly form: FormCheck | false | undefined
  /** Whether anything of the response may be cut out. */
  readonly alters: boolean
  spend(units: number): void
  faultOf(cause: unknown): Refusal
}

class GuardedOutput implements OutputFilter {
  readonly judgesCalls = false
  readonly #parts: GuardedOutputParts
  readonly #alters: boolean
  readonly #channels = new Map<string, OpenChannel>()
  /** Of channels that were over: where they go on, they go on behind what was said. */
  readonly #windows = new Map<string, ChannelText>()
  #holding = 0
  cuts = 0
  /** Whether there was a text to read. */
  hasRun = false

  constructor(parts: GuardedOutputParts) {
    this.#parts = parts
    this.#alters = parts.alters
  }

  get isHolding(): boolean {
    return this.#alters && this.#holding > 0
  }

  // Asked for every frame: nothing is made here that need not be.
  next(channel: string, kind: TextKind, piece: string): string {
    try {
      this.hasRun = true
      let open = this.#channels.get(channel)
      if (!open) {
        open = this.#parts.texts.open(kind, this.#windows.get(channel))
        this.#channels.set(channel, open)
      }
      const { window, scan } = open
      const { holds, cuts, work } = window
      const out = window.push(piece)
      this.#parts.spend(window.work - work)
      if (window.holds !== holds) this.#holding += holds ? -1 : 1
      this.cuts += window.cuts - cuts
      scan.push(piece)
      return this.#alters ? out : piece
    } catch (cause) {
      throw this.#parts.faultOf(cause)
    }
  }

  rest(channel: string): string {
    const open = this.#channels.get(channel)
    if (!open) return ''
    try {
      this.#channels.delete(channel)
      this.#windows.set(channel, open.window)
      const { holds, cuts } = open.window
      if (holds) this.#holding--
      const out = open.window.end()
      this.cuts += open.window.cuts - cuts
      open.scan.end()
      return this.#alters ? out : ''
    } catch (cause) {
      throw this.#parts.faultOf(cause)
    }
  }

  whole(kind: TextKind, text: string, again = false): string {
    const { sliced, notes, faultOf } = this.#parts
    try {
      this.hasRun = true
      const read = sliced.read(kind, text, again)
      for (const each of read.found)
        if (each.length === 3) notes.found(kind, again, ...each)
        else if (!again) notes.sign(...each)
      this.cuts += read.cuts
      return this.#alters ? read.out : text
    } catch (cause) {
      throw faultOf(cause)
    }
  }

  async readAhead(frame: string): Promise<void> {
    try {
      await this.#parts.sliced.readAhead(frame)
    } catch (cause) {
      throw this.#parts.faultOf(cause)
    }
  }

  /** The answer is over, wholly or not. @throws Refusal `output_blocked`, or `internal` if the guard fails */
  checkForm(isWhole: boolean): void {
    const { form, faultOf } = this.#parts
    try {
      if (form) form.finish(isWhole)
    } catch (cause) {
      throw faultOf(cause)
    }
  }

  /** Reads what was still to be read of channels that are open. @throws Refusal `internal` if the guard fails */
  finish(): void {
    try {
      for (const { scan } of this.#channels.values()) scan.end()
    } catch (cause) {
      throw this.#parts.faultOf(cause)
    }
  }
}
