/**
 * Texts of an answer that come in one, read in slices. A long answer has megabytes of them, which would keep everybody
 * else waiting: so they can be read ahead, with turns for others between the slices, before anybody asks for them.
 */
import { isCrowded, type JsonValue, tryJson } from '../../core/json.ts'
import type { TextKind } from '../../dialects/common/output-filter.ts'
import type { GuardSteps } from '../guard-work.ts'

/** UTF-16 code units that are read at one go: less than a millisecond's worth of prose. */
const slice = 8 * 1024
/** What is shorter is read when it is asked for. */
const shortest = 32

/** What was made of a text. */
export interface ReadText<Found> {
  readonly out: string
  readonly cuts: number
  readonly found: readonly Found[]
}

/** What reads one text, piece by piece. */
export interface TextReading<Found> {
  push(piece: string): string
  end(): string
  readonly cuts: number
  readonly found: readonly Found[]
  /** Units of work it took so far. */
  readonly work: number
}

/** Who lets others have their turn, and who counts the work of what is read without turns. */
export interface Pace {
  inTurns(steps: GuardSteps<void>): Promise<void>
  /** @throws Refusal if it is too much */
  spend(units: number): void
}

/** Stops after every slice. */
function* readSlices<Found>(text: string, reading: TextReading<Found>): GuardSteps<ReadText<Found>> {
  let out = ''
  let told = 0
  const work = () => {
    const since = reading.work - told
    told = reading.work
    return since
  }
  for (let from = 0; from < text.length; ) {
    if (from > 0) yield work()
    let to = Math.min(text.length, from + slice)
    // Not through the middle of a character, whose bytes are counted.
    if ((text.charCodeAt(to) & 0xfc00) === 0xdc00) to++
    out += reading.push(text.slice(from, to))
    from = to
  }
  out += reading.end()
  yield work()
  return { out, cuts: reading.cuts, found: reading.found }
}

/** Reads whole texts: when they are asked for, or ahead. */
export class SlicedTexts<Found> {
  readonly #begin: (kind: TextKind, again: boolean) => TextReading<Found>
  readonly #pace: Pace
  /** Read ahead, by how they are read. */
  readonly #texts = new Map<string, ReadText<Found>>()
  readonly #arguments = new Map<string, ReadText<Found>>()

  /** @param begin what reads a text; `again`: it was said before */
  constructor(begin: (kind: TextKind, again: boolean) => TextReading<Found>, pace: Pace) {
    this.#begin = begin
    this.#pace = pace
  }

  read(kind: TextKind, text: string, again: boolean): ReadText<Found> {
    const known = this.#knownAs(kind)?.get(text)
    if (known) return known
    for (const steps = readSlices(text, this.#begin(kind, again)); ; ) {
      const { done, value } = steps.next()
      if (done) return value
      this.#pace.spend(value)
    }
  }

  /** Reads all texts of one frame, whose reader then asks for them; what was read for another is forgotten. */
  readAhead(frame: string): Promise<void> {
    this.#texts.clear()
    this.#arguments.clear()
    return this.#pace.inTurns(this.#readAll(frame))
  }

  *#readAll(frame: string): GuardSteps<void> {
    for (const [kind, text] of textsOf(frame)) {
      const known = this.#knownAs(kind)
      if (!known || known.has(text)) continue
      known.set(text, yield* readSlices(text, this.#begin(kind, false)))
    }
  }

  #knownAs(kind: TextKind): Map<string, ReadText<Found>> | undefined {
    if (kind === 'name') return undefined
    return kind === 'arguments' ? this.#arguments : this.#texts
  }
}

/** Every text of a frame as its reader will ask for it, as far as that can be told without one. */
function* textsOf(frame: string): Generator<readonly [TextKind, string]> {
  // Its reader refuses it.
  if (isCrowded(frame)) return
  const document = tryJson(frame)
  if (document === undefined) yield ['content', frame]
  const waiting: (readonly [key: string, value: JsonValue])[] = [['', document ?? null]]
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    const [key, value] = next
    const isGiven = key === 'arguments' || key === 'input'
    if (typeof value === 'string') {
      if (value.length >= shortest) yield [isGiven ? 'arguments' : 'content', value]
    } else if (typeof value === 'object' && value !== null) {
      if (isGiven && !Array.isArray(value)) yield ['arguments', JSON.stringify(value)]
      else for (const member of Object.entries(value)) waiting.push(member)
    }
  }
}
