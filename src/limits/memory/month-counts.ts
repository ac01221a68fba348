/**
 * What groups have used in this calendar month (UTC). Kept in a file beside the audit log, because a budget that began
 * anew at each restart would be none: written five seconds after a change at the latest, and when the gateway stops.
 */
import { dirname, join } from 'node:path'
import Type from 'typebox'
import Value from 'typebox/value'
import type { Clock } from '../../core/clock.ts'
import { replaceFile, replaceUnsynced } from '../../files/atomic.ts'
import { readJsonFile } from '../../files/json.ts'
import { monthOf, monthStartMs } from '../month.ts'
import type { CountWindow } from './window.ts'

/** Where counts are kept. */
export interface MonthFile {
  readonly path: string
  /** Told that the file cannot be read, or written. */
  report(problem: string, error: unknown): void
}

/** Names the file of this audit log's gateway. */
export function budgetsFile(auditFile: string): string {
  return join(dirname(auditFile), 'budgets.json')
}

const writeEveryMs = 5000
const cannotWrite = 'cannot write the budgets of this month'

const schema = Type.Object({
  month: Type.Integer(),
  tokens: Type.Record(Type.String(), Type.Number({ minimum: 0 })),
})

/** Tokens by group of one month, counted from the year 0. */
export interface SavedMonths {
  readonly month: number
  readonly tokens: Readonly<Record<string, number>>
}

/** Counts of the month that it is; those of an earlier one are gone. */
export class MonthCounts {
  readonly #clock: Clock
  readonly #file: MonthFile | undefined
  /** Another process keeps the file. */
  #isLeft = false
  #month: number
  readonly #tokens: Map<string, number>
  #timer: NodeJS.Timeout | undefined
  #writing: Promise<void> = Promise.resolve()

  /** @param file undefined: counts end with the process */
  constructor(clock: Clock, file?: MonthFile) {
    this.#clock = clock
    this.#file = file
    this.#month = monthOf(clock.wallMs())
    this.#tokens = new Map(file && tokensIn(file, this.#month))
  }

  /** Returns the window of one group. */
  of(group: string): CountWindow {
    return {
      total: () => this.#total(group),
      add: (_nowMs, count) => {
        this.#tokens.set(group, this.#total(group) + count)
        this.#writeSoon()
      },
      untilFreed: (_nowMs, count) =>
        count <= 0 ? 0 : count > this.#total(group) ? Number.POSITIVE_INFINITY : this.#leftMs(),
      untilEmpty: () => (this.#total(group) === 0 ? 0 : this.#leftMs()),
    }
  }

  save(): SavedMonths {
    return { month: this.#month, tokens: Object.fromEntries(this.#tokens) }
  }

  /** Takes over what another process has counted, which began with the same file and is further. */
  restore({ month, tokens }: SavedMonths): void {
    this.#month = month
    this.#tokens.clear()
    for (const [group, count] of Object.entries(tokens)) this.#tokens.set(group, count)
    this.#writeSoon()
  }

  /** Leaves the file to another process. Resolves when nothing is written any more. */
  async leaveFile(): Promise<void> {
    this.#isLeft = true
    clearTimeout(this.#timer)
    this.#timer = undefined
    await this.#writing
  }

  /** Keeps the file again. */
  takeFileBack(): void {
    this.#isLeft = false
  }

  /** Writes what is not written yet. Never rejects. */
  async close(): Promise<void> {
    clearTimeout(this.#timer)
    await this.#writing
    if (this.#timer === undefined || !this.#file) return
    this.#timer = undefined
    try {
      replaceFile(this.#file.path, this.#text())
    } catch (error) {
      this.#file.report(cannotWrite, error)
    }
  }

  #total(group: string): number {
    // A clock that went back does not bring back a month that is over.
    const month = Math.max(this.#month, monthOf(this.#clock.wallMs()))
    if (month !== this.#month) this.#tokens.clear()
    this.#month = month
    return this.#tokens.get(group) ?? 0
  }

  #leftMs(): number {
    return monthStartMs(this.#month + 1) - this.#clock.wallMs()
  }

  #writeSoon(): void {
    if (this.#file && !this.#isLeft) this.#timer ??= setTimeout(() => this.#write(), writeEveryMs).unref()
  }

  #write(): void {
    this.#timer = undefined
    if (!this.#file) return
    const { path, report } = this.#file
    this.#writing = replaceUnsynced(path, this.#text()).catch((error: unknown) => report(cannotWrite, error))
  }

  #text(): string {
    return `${JSON.stringify(this.save())}\n`
  }
}

/** A file that cannot be read must not stop the gateway; that budgets begin anew is told. */
function tokensIn({ path, report }: MonthFile, month: number): [string, number][] {
  try {
    const found = readJsonFile(path, 'budgets of this month', (value) =>
      Value.Check(schema, value) ? value : undefined,
    )
    return found?.month === month ? Object.entries(found.tokens) : []
  } catch (error) {
    report('cannot read the budgets of this month, which begin anew', error)
    return []
  }
}
