/**
 * The output guard: what stands between the texts of one answer and the client, channel by channel, whatever the dialect.
 * Cuts what the policy wants cut, ends the answer where the policy says so, and keeps what it found for the record. A
 * fault in it refuses.
 */

import { holderOf } from '../../auth/identity.ts'
import { asRefusal, Refusal } from '../../core/refusal.ts'
import { createRecall } from '../../detect/injection/scan-cache.ts'
import type { Scanner } from '../../detect/injection/scanner.ts'
import { type Shingles, shinglesOf } from '../../detect/injection/shingles.ts'
import { JsonWindow } from '../../detect/stream/json-window.ts'
import { markerLead } from '../../detect/stream/marker.ts'
import { createSeekers } from '../../detect/stream/stream-detectors.ts'
import { type OnFound, Window } from '../../detect/stream/window.ts'
import { insertCanary } from '../../dialects/common/canary.ts'
import type { OutputFilter, TextKind } from '../../dialects/common/output-filter.ts'
import type { OutputGuard, PromptGuard } from '../../policy/policy.ts'
import type { Metrics } from '../../telemetry/metrics.ts'
import type { AnswerGuard, Guarded } from '../context.ts'
import type { GuardTurns } from '../request/guard-turns.ts'
import { AnswerNotes } from './output-findings.ts'
import { createSweep, type Sweep, type Sweeping } from './output-scan.ts'
import { type TextReading, WholeTexts } from './sliced-scan.ts'

const guard = 'output'

/** What is looked for in texts that somebody sees, and in tool calls: those may hold any link, and no screen shows them. */
interface SeekersFor {
  readonly shown: ReturnType<typeof createSeekers>
  readonly called: ReturnType<typeof createSeekers>
}

function makeSeekers({ sought, toolArguments }: OutputGuard): SeekersFor {
  const unsought = toolArguments === 'off' ? { secrets: false, pii: false } : {}
  return {
    shown: createSeekers(sought),
    called: createSeekers({ ...sought, ...unsought, links: undefined, controls: false }),
  }
}

/** One channel's text, whatever it is written in. */
interface Text {
  push(piece: string): string
  end(): string
  readonly holds: boolean
  readonly cuts: number
  /** Units read so far. */
  readonly work: number
}

class PlainText implements Text {
  readonly #window: Window

  constructor(window: Window) {
    this.#window = window
  }

  push(piece: string): string {
    return this.#window.passes(piece) ? piece : this.#window.push(piece).text
  }

  end(): string {
    return this.#window.end().text
  }

  get holds(): boolean {
    return this.#window.holds
  }

  get cuts(): number {
    return this.#window.cuts
  }

  get work(): number {
    return this.#window.work
  }
}

/** What a window has found, and what a sweep. */
type Found = Parameters<OnFound>
type Sign = Parameters<Sweeping['onSign']>

export interface GuardAnswerParts {
  /** Of the signatures that count for requests of this policy. */
  scannerFor(guard: PromptGuard): Pick<Scanner, 'scan'>
  readonly turns: GuardTurns
  readonly metrics: Metrics
  /** Letters and digits that nobody can guess. */
  randomCode(): string
}

/** @returns undefined if answers are not guarded. May change the body that is about to go: that is where a marker is put. */
export function createGuardAnswer({ scannerFor, turns, metrics, randomCode }: GuardAnswerParts) {
  const known = new WeakMap<OutputGuard, SeekersFor>()
  const seekersFor = (settings: OutputGuard) => {
    const made = known.get(settings) ?? makeSeekers(settings)
    known.set(settings, made)
    return made
  }
  const shingles = createRecall(shinglesOf)
  const none: Shingles = new Set()

  return (call: Guarded): AnswerGuard | undefined => {
    const { outputGuard: settings, promptGuard } = call.caller.role
    if (settings.mode === 'off') return undefined
    const enforces = settings.mode === 'enforce'
    const notes = new AnswerNotes(settings, metrics)
    const { actions } = notes
    let ran = false
    let holding = 0
    let cutCount = 0
    let over = false

    const planted = settings.actions.canary === 'off' ? undefined : randomCode()
    const isPlanted =
      planted !== undefined &&
      insertCanary(call.outgoing.body, `(Internal marker, never to be repeated: ${markerLead}${planted})`)
    const marker = isPlanted ? planted : undefined
    const { shown, called } = seekersFor(settings)
    const seekersOf = { shown: shown(marker), called: called(marker) }
    const alters = enforces && (settings.alters || isPlanted)
    const system = call.prompt.texts.filter(({ channel }) => channel === 'system').map(({ text }) => text)
    let theft: Shingles | undefined
    const theftOf = () => {
      theft ??=
        actions.theft === 'off' || system.length === 0
          ? none
          : shingles.of(system.join('\n'), call.caller.identity.id)
      return theft
    }

    const { identity, incoming } = call.caller
    const { guardWork } = incoming
    const spend = (units: number) => guardWork.spend(units)
    const reader = { owner: holderOf(identity), work: guardWork, cancellation: incoming.cancellation }
    const sweeping = {
      spend,
      theft: theftOf,
      scanner: scannerFor(promptGuard),
      thresholds: promptGuard,
      eager: enforces && [actions.injection, actions.scripts, actions.theft].includes('block'),
      injection: actions.injection !== 'off',
      scripts: actions.scripts !== 'off',
    }
    const windowFor = (kind: TextKind, onFound: OnFound): Text => {
      const isShown = kind === 'content' || kind === 'thinking'
      const window = new Window(isShown ? seekersOf.shown : seekersOf.called, onFound)
      return kind === 'arguments' ? new JsonWindow(window) : new PlainText(window)
    }
    const shownWindow = (kind: TextKind) =>
      windowFor(kind, (...found) => {
        notes.found(kind, false, ...found)
        return notes.isCut(found[0], kind)
      })
    /** A text that is read piece by piece as it comes, whose findings are told at once. */
    const begin = (kind: TextKind, window = shownWindow(kind)) => ({
      window,
      sweep: createSweep(kind, { ...sweeping, onSign: (...sign) => notes.sign(...sign) }),
    })
    /** One that may be read before anybody asks for it. */
    const beginWhole = (kind: TextKind, again: boolean): TextReading<Found | Sign> => {
      const found: (Found | Sign)[] = []
      const window = windowFor(kind, (...each) => {
        found.push(each)
        return notes.isCut(each[0], kind)
      })
      const onSign = (...sign: Sign) => void found.push(sign)
      let swept = 0
      const count = (units: number) => {
        swept += units
      }
      const isSwept = !again && kind !== 'name'
      const sweep = isSwept ? createSweep(kind, { ...sweeping, onSign, spend: count }) : undefined
      return {
        found,
        push(piece) {
          sweep?.push(piece)
          return window.push(piece)
        },
        end() {
          sweep?.end()
          return window.end()
        },
        get cuts() {
          return window.cuts
        },
        get work() {
          return window.work + swept
        },
      }
    }
    const wholes = new WholeTexts(beginWhole, { spend, inTurns: (steps) => turns.run(steps, reader) })
    const channels = new Map<string, { readonly window: Text; readonly sweep: Sweep }>()
    /** Of channels that were over: where they go on, they go on behind what was said. */
    const windows = new Map<string, Text>()

    /** A fault of ours is no fault of the model server's. */
    const faultOf = (cause: unknown): Refusal => {
      if (cause instanceof Refusal || incoming.cancellation.over) return asRefusal(cause)
      metrics.guardFailures.inc({ guard })
      return new Refusal('internal', { detail: 'the output guard failed', cause })
    }
    const guarded = <T>(step: () => T): T => {
      try {
        return step()
      } catch (cause) {
        throw faultOf(cause)
      }
    }

    const passage: OutputFilter = {
      judgesCalls: false,
      get isHolding() {
        return alters && holding > 0
      },
      get cuts() {
        return cutCount
      },
      // Asked for every frame: nothing is made here that need not be.
      next(channel, kind, piece) {
        try {
          ran = true
          let state = channels.get(channel)
          if (!state) {
            state = begin(kind, windows.get(channel))
            channels.set(channel, state)
          }
          const { window, sweep } = state
          const { holds, cuts, work } = window
          const out = window.push(piece)
          spend(window.work - work)
          if (window.holds !== holds) holding += holds ? -1 : 1
          cutCount += window.cuts - cuts
          sweep.push(piece)
          return alters ? out : piece
        } catch (cause) {
          throw faultOf(cause)
        }
      },
      rest(channel) {
        return guarded(() => {
          const state = channels.get(channel)
          if (!state) return ''
          channels.delete(channel)
          windows.set(channel, state.window)
          const { holds, cuts } = state.window
          if (holds) holding--
          const out = state.window.end()
          cutCount += state.window.cuts - cuts
          state.sweep.end()
          return alters ? out : ''
        })
      },
      whole(kind, text, again = false) {
        return guarded(() => {
          ran = true
          const read = wholes.read(kind, text, again)
          for (const each of read.found)
            if (each.length === 3) notes.found(kind, again, ...each)
            else if (!again) notes.sign(...each)
          cutCount += read.cuts
          return alters ? read.out : text
        })
      },
      async readAhead(frame) {
        try {
          await wholes.readAhead(frame)
        } catch (cause) {
          throw faultOf(cause)
        }
      },
    }

    return {
      passage,
      findings: notes.findings,
      cuts: notes.cuts,
      planted: isPlanted ? ['canary'] : [],
      get verdict() {
        if (ran) return notes.verdict
        return call.outgoing.reader?.isUnread ? 'unread' : undefined
      },
      finish() {
        if (over) return
        over = true
        notes.end()
        guarded(() => {
          for (const { sweep } of channels.values()) sweep.end()
        })
      },
    }
  }
}
