/**
 * What is looked for in an answer without cutting it: signs that it obeys an injection, its own system prompt, scripts.
 * Read in blocks where it is only flagged, since nothing waits for it, and with every piece where it ends the answer.
 */

import type { Scanner } from '../../detect/injection/scanner.ts'
import { Follower, type Shingles } from '../../detect/injection/shingles.ts'
import { judge, type Thresholds } from '../../detect/injection/verdict.ts'
import type { TextKind } from '../../dialects/common/output-filter.ts'

/** Code units that are read together, and of what was read before with them. */
const block = 2048
const overlap = 512
/** What a page would run. */
const script =
  /<script\b|<[a-z][^>]{0,200}\son[a-z]{3,20}\s{0,3}=|\b(?:java|vb)script\s{0,3}:|\bdata:text\/html|<(?:iframe|object|embed)\b|\bsrcdoc\s{0,3}=/i

/** What is looked for, and how much of it at once. */
export interface ScanSettings {
  readonly scanner: Pick<Scanner, 'scan'>
  readonly thresholds: Thresholds
  /** With every piece, not only with every block. */
  readonly eager: boolean
  readonly injection: boolean
  readonly scripts: boolean
  /** Told of work before or while it is done. @throws Refusal if it is too much */
  spend(units: number): void
  /** Of the system prompt; asked when a block is read. */
  theft(): Shingles
  onSign(guard: 'injection' | 'scripts' | 'theft', id: string): void
}

/** The scan of one channel. */
export interface OutputScan {
  push(piece: string): void
  end(): void
}

/** Makes the scan of one channel. */
export function createOutputScan(kind: TextKind, wanted: ScanSettings): OutputScan {
  const { scanner, thresholds, injection, scripts, spend, theft, onSign } = wanted
  let before = ''
  let pending = ''
  const told = kind === 'content' || kind === 'thinking'
  let follower: Follower | undefined
  const follow = (text: string) => {
    const shingles = theft()
    if (shingles.size === 0) return
    follower ??= new Follower((shingle) => {
      if (shingles.has(shingle)) onSign('theft', 'system-prompt')
    })
    follower.push(text)
  }

  const read = (last: boolean) => {
    if (pending === '' && !last) return
    const text = before + pending
    follow(last ? `${pending} ` : pending)
    if (told && text !== '') {
      if (injection) {
        const findings = scanner.scan(text, 'assistant', spend)
        if (findings.length > 0 && judge(findings, 'assistant', thresholds).action !== 'allow')
          for (const { id } of findings) onSign('injection', id)
      }
      if (scripts && script.test(text)) onSign('scripts', 'script')
    }
    before = text.slice(-overlap)
    pending = ''
  }

  return {
    push(piece) {
      pending += piece
      if (wanted.eager || pending.length >= block) read(false)
    },
    end: () => read(true),
  }
}
