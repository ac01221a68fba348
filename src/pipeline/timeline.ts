/** When what was done for a request, for its trace. Kept only where a trace is exported. */

/** What a trace shows of a request, each in a span of its own. */
export type PartName = 'queue' | 'guards' | 'upstream' | 'approval'

/** Shorter waits get no span. Milliseconds. */
export const shownWaitMs = 1

/** A part of a request. Times are milliseconds of the monotonic clock. */
export interface Part {
  readonly name: PartName
  readonly fromMs: number
  /** Undefined: it was going on when the request ended. */
  toMs: number | undefined
  /** Of `queue`: what it waited for; of `upstream`: the name of the model server. */
  readonly of: string | undefined
  /** Of `upstream`: the HTTP status that the server answered, 0 if it has not. */
  status: number | undefined
}

/** Of one request: an answer may have many calls that wait for approval. */
const maxParts = 32

/** The parts of one request, in the order in which they began. */
export class Timeline {
  readonly parts: Part[] = []
  /** Parts for which there was no room. */
  omitted = 0

  /** Notes that a part begins. @returns undefined if there is no room for it */
  begin(name: PartName, fromMs: number, of?: string): Part | undefined {
    if (this.parts.length >= maxParts) {
      this.omitted++
      return undefined
    }
    const part: Part = { name, fromMs, toMs: undefined, of, status: undefined }
    this.parts.push(part)
    return part
  }

  /** Notes a part that is over. */
  add(name: PartName, fromMs: number, toMs: number, of?: string): void {
    const part = this.begin(name, fromMs, of)
    if (part) part.toMs = toMs
  }
}
