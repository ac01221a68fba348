/** How the output guard reads one text: a window that finds what is cut out, and a scan for what is only noticed. */
import type { Scanner } from '../../detect/injection/scanner.ts'
import { JsonWindow } from '../../detect/stream/json-window.ts'
import { createStreamDetectors } from '../../detect/stream/stream-detectors.ts'
import { type OnFound, StreamWindow } from '../../detect/stream/window.ts'
import type { TextKind } from '../../dialects/common/output-filter.ts'
import type { OutputGuard } from '../../policy/policy.ts'
import type { ResponseNotes } from './output-findings.ts'
import { createOutputScan, type OutputScan, type ScanSettings } from './output-scan.ts'
import type { TextReading } from './sliced-scan.ts'

/** What is looked for in texts that are shown, and in tool calls: those may hold any link, and no screen shows them. */
export interface OutputDetectors {
  readonly shown: ReturnType<typeof createStreamDetectors>
  readonly called: ReturnType<typeof createStreamDetectors>
}

/** Makes the detectors of a policy; that takes some 40 ms. */
export function makeDetectors({ sought, toolArguments }: OutputGuard): OutputDetectors {
  const unsought = toolArguments === 'off' ? { secrets: false, pii: false } : {}
  return {
    shown: createStreamDetectors(sought),
    called: createStreamDetectors({ ...sought, ...unsought, links: undefined, controls: false }),
  }
}

/** The text of one channel, whatever it is written in. */
export interface ChannelText {
  push(piece: string): string
  end(): string
  readonly holds: boolean
  readonly cuts: number
  /** Units read so far. */
  readonly work: number
}

class PlainText implements ChannelText {
  readonly #window: StreamWindow

  constructor(window: StreamWindow) {
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

/** What a window has found, and what a scan has noticed. */
export type Found = Parameters<OnFound>
/** What a scan has noticed: the guard and the id of a finding. */
export type Sign = Parameters<ScanSettings['onSign']>

/** A channel that is open. */
export interface OpenChannel {
  readonly window: ChannelText
  readonly scan: OutputScan
}

/** Makes what reads the texts of one response. */
export class OutputTexts {
  readonly #shown: ReturnType<OutputDetectors['shown']>
  readonly #called: ReturnType<OutputDetectors['called']>
  readonly #settings: Omit<ScanSettings, 'onSign'> & { readonly scanner: Pick<Scanner, 'scan'> }
  readonly #notes: ResponseNotes

  /** @param canary the marker that must not come back, if one was planted */
  constructor(
    detectors: OutputDetectors,
    canary: string | undefined,
    settings: Omit<ScanSettings, 'onSign'>,
    notes: ResponseNotes,
  ) {
    this.#shown = detectors.shown(canary)
    this.#called = detectors.called(canary)
    this.#settings = settings
    this.#notes = notes
  }

  /** Opens a channel that is read piece by piece as it comes; what is found is told at once. */
  open(kind: TextKind, window = this.#tellingWindow(kind)): OpenChannel {
    const notes = this.#notes
    const onSign = (...sign: Sign) => notes.sign(...sign)
    return { window, scan: createOutputScan(kind, { ...this.#settings, onSign }) }
  }

  /** Begins a text that may be read before it is asked for: what is found stays with it. */
  beginWhole(kind: TextKind, again: boolean): TextReading<Found | Sign> {
    const notes = this.#notes
    const found: (Found | Sign)[] = []
    const window = this.#window(kind, (...each) => {
      found.push(each)
      return notes.isCut(each[0], kind)
    })
    const onSign = (...sign: Sign) => void found.push(sign)
    let scanned = 0
    const spend = (units: number) => {
      scanned += units
    }
    const isScanned = !again && kind !== 'name'
    const scan = isScanned ? createOutputScan(kind, { ...this.#settings, onSign, spend }) : undefined
    return {
      found,
      push(piece) {
        scan?.push(piece)
        return window.push(piece)
      },
      end() {
        scan?.end()
        return window.end()
      },
      get cuts() {
        return window.cuts
      },
      get work() {
        return window.work + scanned
      },
    }
  }

  #tellingWindow(kind: TextKind): ChannelText {
    const notes = this.#notes
    return this.#window(kind, (...found) => {
      notes.found(kind, false, ...found)
      return notes.isCut(found[0], kind)
    })
  }

  #window(kind: TextKind, onFound: OnFound): ChannelText {
    const isShown = kind === 'content' || kind === 'thinking'
    const window = new StreamWindow(isShown ? this.#shown : this.#called, onFound)
    return kind === 'arguments' ? new JsonWindow(window) : new PlainText(window)
  }
}
