/**
 * One text of an answer on its way to the client, piece by piece. What is clean leaves at once; held back is only an end
 * that could still grow into something, by what it says and never by the clock. What is longer than the window is
 * dropped until it is over.
 *
 * However a text is cut into pieces, no byte of what a detector finds leaves, and no byte of anything else is changed.
 */
import { type Bare, isAllSeen, stripInvisible, unseenUnits } from '../../core/strip-invisible.ts'
import { contextLength, type Match, maxTriggerLength, type StreamDetectors } from './stream-detector.ts'

/** UTF-16 code units that are held back at most; the longest thing a detector finds, but for those that say their end. */
export const maxHeldLength = 512
/** The same, with what nobody sees between them. */
const maxUnseenLength = 4 * maxHeldLength
/** Of what has left, that is looked at again as the context of what follows. */
const maxBeforeLength = 256
/** Kept of what is dropped, in which an end mark may have begun. */
const maxTailLength = 96
/** Of what goes on in the way in which it is held, that may wait to be read: or every piece would read all of it anew. */
const maxWaitingLength = 64
const goesOn = new RegExp(`^[!-~${unseenUnits}]+$`)
/** What one word can consist of: the rest of a key that is longer than the window. */
const wordEnds = /[^\w.~+/=%-]/

/** So many code units leave as they are; or so many are replaced. */
export type Edit = number | { readonly units: number; readonly put: string }

/** What leaves after a push. */
export interface Released {
  readonly text: string
  /** Undefined: exactly what was pushed has left. */
  readonly edits: readonly Edit[] | undefined
}

/** Told of everything that is found, once. @returns false to let it stand */
export type OnFound = (found: Match, atByte: number, bytes: number) => boolean

const nothing: Released = { text: '', edits: [] }

/** Holds back the end of one text as long as it could become something that is looked for. */
export class StreamWindow {
  readonly #detectors: StreamDetectors
  readonly #onFound: OnFound
  /** What has left, without what nobody sees and what was cut: context for what follows. */
  #before = ''
  #held = ''
  /** Behind what is held, not yet read. */
  #waiting = ''
  #tail = ''
  /** While something is dropped: where it is over. */
  #ends: Match['ends']
  #isOfLines = false
  /** Bytes that have left or were cut, but for the end of `#before` that was not counted yet. */
  #bytes = 0
  #counted = 0
  #endsInHalf = false
  /** How often something was taken out. */
  cuts = 0
  /** Units that were read, those that were read again among them. */
  work = 0
  /** Of the literals; -1: not known. */
  #state = -1
  /** Code units for which what was seen last must be borne in mind. */
  #wary = 0

  constructor(detectors: StreamDetectors, onFound: OnFound) {
    this.#detectors = detectors
    this.#onFound = onFound
  }

  push(piece: string): Released {
    if (piece === '') return nothing
    if (this.passes(piece)) return { text: piece, edits: undefined }
    if (this.#ends) return this.#drop(piece, this.#ends)
    if (this.#held !== '' && goesOn.test(piece)) {
      this.#waiting += piece
      if (this.#waiting.length < maxWaitingLength) return nothing
      return this.#advance('', false)
    }
    return this.#advance(piece, false)
  }

  /** Whether the piece leaves as it is, with nothing before or behind it; then it has been pushed. */
  passes(piece: string): boolean {
    if (this.#held !== '' || this.#wary > 0 || this.#ends) return false
    if (this.#state === -1) this.#state = this.#detectors.begin(this.#before)
    const state = this.#detectors.pass(this.#state, piece)
    this.work += piece.length
    this.#state = state
    if (state === -1) return false
    this.#remember(piece)
    return true
  }

  /**
   * The text is over: what was held. The window may go on with another text in the same context.
   * @param goesOn what is being dropped and is a text of lines may go on in that one
   */
  end(goesOn = false): Released {
    if (this.#waiting === '') return this.#end(goesOn)
    const before = this.#advance('', false)
    const { text, edits } = this.#end(goesOn)
    return { text: before.text + text, edits: [...(before.edits ?? []), ...(edits ?? [])] }
  }

  #end(goesOn: boolean): Released {
    if (goesOn && this.#ends && this.#isOfLines) this.#tail += '\n'
    else {
      this.#ends = undefined
      this.#tail = ''
    }
    return this.#held === '' ? nothing : this.#advance('', true)
  }

  /** What stands between two texts and leaves unread, such as the punctuation of JSON: context for what follows. */
  see(text: string): void {
    this.#remember(text)
    this.#bearInMind(text)
  }

  /** What the next text goes by, which was said before: context, too. */
  recall(text: string): void {
    this.#count()
    this.#before += text
    this.#counted = this.#before.length
    this.#bearInMind(text)
  }

  #bearInMind(text: string): void {
    this.#state = -1
    this.#wary = this.#detectors.wakes(this.#before.slice(-text.length - maxTriggerLength))
      ? contextLength
      : this.#wary - text.length
  }

  get holds(): boolean {
    return this.#held !== ''
  }

  #remember(text: string): void {
    this.#before += text
    // Counted, and cut, now and then, not every time.
    if (this.#before.length > 4 * maxBeforeLength) this.#count()
  }

  /** Keeps of what has left no more than is looked at again. */
  #count(): void {
    this.#left(this.#before.slice(this.#counted))
    this.#before = this.#before.slice(-maxBeforeLength)
    this.#counted = this.#before.length
  }

  /** Counts what has left or was cut. The two halves of a character may come apart: three bytes each, four together. */
  #left(text: string): void {
    if (text === '') return
    this.#bytes += utf8Length(text) - this.#seam(text)
    this.#endsInHalf = isHighHalf(text.charCodeAt(text.length - 1))
  }

  #seam(text: string): number {
    return this.#endsInHalf && isLowHalf(text.charCodeAt(0)) ? 2 : 0
  }

  #advance(next: string, final: boolean): Released {
    const piece = this.#waiting + next
    this.#waiting = ''
    this.#count()
    this.#state = -1
    const from = this.#before.length
    const text = this.#before + this.#held + piece
    this.work += text.length
    // What is kept of what has left is bare.
    const seen = isAllSeen(this.#held) && isAllSeen(piece) ? undefined : stripInvisible(text)
    let hold = final ? text.length : this.#holdFrom(text, seen, from)
    // What is longer than the window must leave or go, clean or not.
    const held = text.slice(hold)
    const overfull =
      held.length > maxHeldLength && ((seen && stripInvisible(held)?.text) ?? held).length > maxHeldLength
    const hidden = !overfull && held.length > maxUnseenLength
    if (overfull) hold = text.length - maxHeldLength
    const found = hold === from && !mayBeLong(seen?.text ?? text, from) ? [] : this.#find(text, seen, from)
    if (hidden) hide(found, hold, text.length)
    const cuts: Match[] = []
    let ends: Match['ends']
    for (const each of found) {
      if (!final && each.end === text.length && (each.ends || text.length - each.start > maxHeldLength)) {
        ends = each.ends ?? endOfWord
        this.#isOfLines = each.isOfLines === true
        hold = text.length
        this.#tail = text.slice(Math.max(each.start, text.length - maxTailLength))
      } else if (each.start >= hold) break
      else if (!final && (each.end > hold || each.end === text.length)) {
        if (!overfull) {
          hold = Math.max(from, each.start)
          break
        }
        hold = each.end
      }
      cuts.push(each)
    }
    this.#ends = ends
    const released = this.#cut(text, from, hold, cuts)
    this.#left(text.slice(from, hold))
    // What was cut is no context: nobody reads it, and what runs to the end of a text would be found again.
    const known = Math.min(hold, cuts.findLast(({ guard }) => guard !== 'controls')?.end ?? 0)
    const left = text.slice(known, hold)
    this.#before = (seen && stripInvisible(left)?.text) ?? left
    this.#counted = this.#before.length
    this.#held = text.slice(hold)
    const plain = seen?.text ?? text
    this.#wary = this.#detectors.wakes(plain.slice(-piece.length - maxTriggerLength))
      ? contextLength
      : this.#wary - ((seen && stripInvisible(piece)?.text) ?? piece).length
    return released
  }

  #holdFrom(text: string, seen: Bare | undefined, from: number): number {
    const { all, unseen } = this.#detectors
    // Half a character waits for the other one: the two may be nothing that anybody sees.
    const whole = text.length - (isHighHalf(text.charCodeAt(text.length - 1)) ? 1 : 0)
    let hold = Math.min(whole, unseen?.hold(text, from) ?? whole)
    for (const detector of all) {
      hold = Math.min(hold, detector.hold(text, from))
      if (seen) hold = Math.min(hold, seen.original(detector.hold(seen.text, from)))
    }
    return Math.max(from, hold)
  }

  /** In order, without overlaps, nothing that has left. */
  #find(text: string, seen: Bare | undefined, from: number): Match[] {
    const { all, unseen } = this.#detectors
    const found = all
      .flatMap((detector) => [
        ...detector.find(text, from),
        ...(seen ? detector.find(seen.text, from).map((each) => ({ ...each, ...seen.span(each) })) : []),
      ])
      .concat(unseen?.find(text, from) ?? [])
      // What seems to begin where the context was cut may be the middle of a word.
      .filter(({ start, end }) => end > from && (start > 0 || from < maxBeforeLength))
    if (found.length < 2) return found
    found.sort((a, b) => a.start - b.start || b.end - a.end)
    const kept: Match[] = []
    for (const each of found) {
      const last = kept.at(-1)
      if (!last || each.start >= last.end) kept.push(each)
      else if (each.end > last.end) {
        const { end, ends = last.ends, isOfLines = last.isOfLines } = each
        kept[kept.length - 1] = { ...last, end, ...(ends && { ends }), ...(isOfLines && { isOfLines }) }
      }
    }
    return kept
  }

  #cut(text: string, from: number, to: number, cuts: readonly Match[]): Released {
    const edits: Edit[] = []
    let out = ''
    let at = from
    let counted = from
    let bytes = this.#bytes - this.#seam(text.slice(from))
    const keep = (end: number) => {
      if (end <= at) return
      out += text.slice(at, end)
      edits.push(end - at)
      at = end
    }
    for (const each of cuts) {
      const start = Math.max(from, each.start)
      bytes += utf8Length(text.slice(counted, start))
      counted = start
      const gone = text.slice(start, each.end)
      if (!this.#onFound(each, bytes, utf8Length(gone))) {
        keep(each.end)
        this.#ends = undefined
        continue
      }
      keep(start)
      this.cuts++
      out += each.put
      edits.push({ units: gone.length, put: each.put })
      at = each.end
    }
    keep(to)
    return { text: out, edits }
  }

  #drop(piece: string, ends: (text: string) => number): Released {
    const text = this.#tail + piece
    this.work += text.length
    const seen = stripInvisible(text)
    const over = ends(seen?.text ?? text)
    const end = over === -1 || !seen ? over : seen.original(over)
    const gone = end === -1 ? piece : text.slice(this.#tail.length, end)
    this.#left(gone)
    const drop: Edit = { units: gone.length, put: '' }
    this.cuts++
    if (end === -1) {
      this.#tail = text.slice(-maxTailLength)
      return { text: '', edits: [drop] }
    }
    this.#ends = undefined
    this.#tail = ''
    const rest = this.push(piece.slice(gone.length))
    const edits = rest.edits ?? [rest.text.length]
    return { text: rest.text, edits: [drop, ...edits] }
  }
}

/** A word with so much unseen in it that nobody can wait for its end. */
const hiding = { guard: 'secrets', type: 'hidden', put: '[redacted:hidden]', ends: endOfWord } as const

/** Nothing of what was found leaves either. */
function hide(found: Match[], from: number, end: number): void {
  let start = from
  for (let last = found.at(-1); last && last.end > start; last = found.at(-1)) {
    start = Math.min(start, last.start)
    found.pop()
  }
  found.push({ ...hiding, start, end })
}

function endOfWord(text: string): number {
  return text.search(wordEnds)
}

/** What says its own end may begin in what is held, and must not wait for the rest. */
function mayBeLong(text: string, from: number): boolean {
  return text.includes('-----BEGIN', Math.max(0, from - maxTailLength))
}

/** Bytes of a text in UTF-8; half a character counts three, as its replacement does. */
function utf8Length(text: string): number {
  let bytes = text.length
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at)
    if (unit < 0x80) continue
    if (unit < 0x800) bytes += 1
    else if (isHighHalf(unit) && isLowHalf(text.charCodeAt(at + 1))) {
      bytes += 2
      at++
    } else bytes += 2
  }
  return bytes
}

function isHighHalf(unit: number): boolean {
  return (unit & 0xfc00) === 0xd800
}

function isLowHalf(unit: number): boolean {
  return (unit & 0xfc00) === 0xdc00
}
