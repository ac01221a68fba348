/** A line of the log as those read it who ask it something. Nothing in it is taken for granted: others may have written it. */
import type { RecordedFinding } from './record.ts'

/** One line of the log. */
export interface Entry {
  readonly seq: number
  readonly time: string
  readonly event?: string
  readonly id?: string
  readonly traceparent?: string
  readonly span?: string
  readonly identity?: {
    readonly kind: string
    readonly id: string
    readonly name: string
    readonly role: string
    readonly from?: readonly string[]
  } | null
  readonly peer?: string
  readonly agent?: string | null
  readonly session?: string | null
  readonly person?: string
  readonly group?: string
  readonly route?: string
  readonly dialect?: string
  readonly upstream?: string | null
  /** Of an event, its name alone. */
  readonly model?: { readonly asked: string; readonly served: string | null } | string | null
  readonly policy?: string
  readonly prompt?: unknown
  readonly answer?: unknown
  readonly findings?: readonly RecordedFinding[]
  readonly usage?: { readonly input: number; readonly output: number; readonly gpuMs?: number } | null
  readonly ending?: { readonly kind: string; readonly code: string | null; readonly status: number | null }
  readonly timing?: { readonly totalMs: number }
  readonly hash: string
  /** By which erasure its content was taken. */
  readonly erased?: string
  readonly [name: string]: unknown
}

/** Reads a line as an entry. @returns undefined if the line is none */
export function readEntry(line: string): Entry | undefined {
  try {
    const entry = JSON.parse(line) as Partial<Entry> | null
    if (typeof entry?.seq !== 'number' || typeof entry.time !== 'string') return undefined
    return entry as Entry
  } catch {
    return undefined
  }
}

/**
 * Reads the part of a line that stays, without texts, peer and person: half the work of the whole. Quotes within a text
 * are escaped, so the seam stands nowhere else.
 * @returns undefined if the line is no entry
 */
export function readSealed(line: string): Entry | undefined {
  const seam = line.indexOf(',"prev":"')
  return seam === -1 ? readEntry(line) : readEntry(`${line.slice(0, seam)}}`)
}

/** Names how a request ended: a refusal by its code. */
export function outcomeOf({ ending, event }: Entry): string {
  return ending?.code ?? ending?.kind ?? event ?? ''
}

/** Whether it was this caller, by id or name, or a token made from it. */
export function isBy({ identity }: Pick<Entry, 'identity'>, wanted: string): boolean {
  if (!identity) return false
  const { id, name, from = [] } = identity
  return id === wanted || name === wanted || (Array.isArray(from) && from.includes(wanted))
}

/** Names an entry's model: as it was served, or else as it was asked for; that of an event as it has it. */
export function modelOf({ model }: Entry): string {
  if (typeof model === 'string') return model
  return model?.served ?? model?.asked ?? ''
}
