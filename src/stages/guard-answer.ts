/**
 * The output guard: what stands between the texts of one answer and the client, channel by channel, whatever the dialect.
 * Cuts what the policy wants cut, ends the answer where the policy says so, and keeps what it found for the record. A
 * fault in it refuses.
 */
import { Refusal } from '../core/refusal.ts'
import type { Severity } from '../core/text.ts'
import type { Kind, Passage } from '../dialects/passage.ts'
import { plant } from '../dialects/plant.ts'
import type { OutputGuard, PromptGuard } from '../policy/policy.ts'
import { createRecall } from '../scan/recall.ts'
import type { Scanner } from '../scan/scanner.ts'
import { type Shingles, shinglesOf } from '../scan/shingles.ts'
import { JsonWindow } from '../scan/window/json-window.ts'
import { markerLead } from '../scan/window/marker.ts'
import type { Guard, Sought } from '../scan/window/seeker.ts'
import { createSeekers } from '../scan/window/seekers.ts'
import { Window } from '../scan/window/window.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import type { AnswerCut, AnswerGuard, Guarded, JudgedFinding, OutputVerdict } from './exchange.ts'
import { createSweep, type Sweep, type Sweeping } from './sweep.ts'

const guard = 'output'
/** Of one answer; what there is more is cut all the same. */
const mostNoted = 256

/** What is looked for in texts that somebody sees, and in tool calls: those may hold any link, and no screen shows them. */
interface SeekersFor {
  readonly shown: ReturnType<typeof createSeekers>
  readonly called: ReturnType<typeof createSeekers>
}

function makeSeekers({ sought }: OutputGuard): SeekersFor {
  return {
    shown: createSeekers(sought),
    called: createSeekers({ ...sought, links: undefined, controls: false }),
  }
}

/** One channel's text, whatever it is written in. */
interface Text {
  push(piece: string): string
  end(): string
  readonly holds: boolean
  readonly cuts: number
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
}

type Part = Guard | 'injection' | 'scripts' | 'theft'
type Action = 'off' | 'flag' | 'redact' | 'block'

const severities: Readonly<Record<Part, Severity>> = {
  secrets: 'high',
  canary: 'high',
  links: 'high',
  theft: 'high',
  injection: 'medium',
  pii: 'medium',
  scripts: 'medium',
  controls: 'low',
}
const heavier: Readonly<Record<OutputVerdict, number>> = { allow: 0, flag: 1, redact: 2, block: 3 }

export interface GuardAnswerParts {
  /** Of the signatures that count for requests of this policy. */
  scannerFor(guard: PromptGuard): Pick<Scanner, 'scan'>
  readonly metrics: Metrics
  /** Letters and digits that nobody can guess. */
  randomCode(): string
}

/** @returns undefined if answers are not guarded. May change the body that is about to go: that is where a marker is put. */
export function createGuardAnswer({ scannerFor, metrics, randomCode }: GuardAnswerParts) {
  const known = new WeakMap<OutputGuard, SeekersFor>()
  const seekersFor = (settings: OutputGuard) => {
    const made = known.get(settings) ?? makeSeekers(settings)
    known.set(settings, made)
    return made
  }
  const shingles = createRecall(shinglesOf)
  const none: Shingles = new Set()

  return (call: Guarded): AnswerGuard | undefined => {
    const { outputGuard: settings, promptGuard } = call.caller.arrival.snapshot.policy
    if (settings.mode === 'off') return undefined
    const enforces = settings.mode === 'enforce'
    const actions: Readonly<Record<Part, Action>> = { ...settings.actions }
    const findings: JudgedFinding[] = []
    const cuts: AnswerCut[] = []
    const seen = new Set<string>()
    let verdict: OutputVerdict = 'allow'
    let ran = false
    let holding = 0
    let cutCount = 0
    let over = false

    const planted = settings.actions.canary === 'off' ? undefined : randomCode()
    const isPlanted =
      planted !== undefined &&
      plant(call.outgoing.body, `(Internal marker, never to be repeated: ${markerLead}${planted})`)
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

    /** @returns the action that is taken */
    const note = (part: Part, type: string, at: number, bytes: number): Action => {
      const action = actions[part]
      const id = `${part}.${type}`
      const told = action === 'off' ? 'flag' : action
      if (heavier[told] > heavier[verdict]) verdict = told
      if (findings.length < mostNoted) {
        const severity = severities[part]
        const place = { start: at, end: at + bytes }
        findings.push({ guard, id, category: part, severity, channel: 'assistant', action: told, ...place })
        metrics.findings.inc({ guard, category: part, action: told })
      }
      if (told === 'block' && enforces && !over) throw new Refusal('output_blocked', { detail: id })
      return action
    }
    const onFound = (kind: Kind, again: boolean) => (found: Sought, at: number, bytes: number) => {
      const action = actions[found.guard]
      const key = `${found.guard} ${found.type} ${kind}`
      if (!again || !seen.has(key)) {
        note(found.guard, found.type, at, bytes)
        if (alters && action === 'redact' && cuts.length < mostNoted)
          cuts.push({ channel: kind, type: `${found.guard}.${found.type}`, at, bytes })
      }
      seen.add(key)
      return action === 'redact' || action === 'block'
    }
    const sweeping: Sweeping = {
      theft: theftOf,
      scanner: scannerFor(promptGuard),
      thresholds: promptGuard,
      eager: enforces && [actions.injection, actions.scripts, actions.theft].includes('block'),
      injection: actions.injection !== 'off',
      scripts: actions.scripts !== 'off',
      onSign(part, id) {
        if (seen.has(`${part} ${id}`)) return
        seen.add(`${part} ${id}`)
        note(part, id, 0, 0)
      },
    }
    const sweepFor = (kind: Kind): Sweep => createSweep(kind, sweeping)
    const windowFor = (kind: Kind, again = false): Text => {
      const isShown = kind === 'content' || kind === 'thinking'
      const window = new Window(isShown ? seekersOf.shown : seekersOf.called, onFound(kind, again))
      return kind === 'arguments' ? new JsonWindow(window) : new PlainText(window)
    }
    const channels = new Map<string, { readonly window: Text; readonly sweep: Sweep }>()

    /** A fault of ours is no fault of the model server's. */
    const faultOf = (cause: unknown): Refusal => {
      if (cause instanceof Refusal) return cause
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

    const passage: Passage = {
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
            state = { window: windowFor(kind), sweep: sweepFor(kind) }
            channels.set(channel, state)
          }
          const { window, sweep } = state
          const { holds, cuts } = window
          const out = window.push(piece)
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
          const window = windowFor(kind, again)
          const out = window.push(text) + window.end()
          cutCount += window.cuts
          if (!again && kind !== 'name') {
            const sweep = sweepFor(kind)
            sweep.push(text)
            sweep.end()
          }
          return alters ? out : text
        })
      },
    }

    return {
      passage,
      findings,
      cuts,
      planted: isPlanted ? ['canary'] : [],
      get verdict() {
        if (ran) return verdict
        return call.outgoing.reader?.isUnread ? 'unread' : undefined
      },
      finish() {
        if (over) return
        over = true
        guarded(() => {
          for (const { sweep } of channels.values()) sweep.end()
        })
      },
    }
  }
}
