/**
 * Reads all chains of a log as one, in the order of their times. Each is read in its own order, so a record that was
 * written late stands where its chain has it.
 */
import { chainName, chainsOf } from '../chains.ts'
import { type ReadOptions, readLog } from './read.ts'

/** A line of a log, and its chain. */
export interface ChainLine {
  readonly line: string
  /** The name of a worker's chain, such as `w1`; empty for the log itself. */
  readonly chain: string
}

/** A line as JSON that says which chain it is from: `chain` comes first, and is absent for the log itself. */
export function lineWithChain({ line, chain }: ChainLine): string {
  return chain === '' ? line : line.replace('{', () => `{"chain":${JSON.stringify(chain)},`)
}

/**
 * Reads the lines of all chains of a log; with `wait`, also of chains that begin meanwhile.
 * @throws what `fs` throws
 */
export async function* readChains(
  file: string,
  options: Pick<ReadOptions, 'sinceMs' | 'wait'> = {},
): AsyncGenerator<ChainLine> {
  const sources = new Map<string, Source>()
  const open = () => {
    for (const chain of chainsOf(file))
      if (!sources.has(chain)) sources.set(chain, new Source(chain, chainName(file, chain), options))
  }
  open()
  try {
    for (;;) {
      await Promise.all([...sources.values()].map((source) => source.fill()))
      const first = earliest(sources.values())
      if (first) {
        yield first.take()
        continue
      }
      const more = (await options.wait?.()) ?? false
      if (!more) return
      open()
      for (const source of sources.values()) source.goOn()
    }
  } finally {
    await Promise.all([...sources.values()].map((source) => source.close()))
  }
}

function earliest(sources: Iterable<Source>): Source | undefined {
  let found: Source | undefined
  for (const source of sources)
    if (source.line !== undefined && (!found || source.time < found.time)) found = source
  return found
}

/** Of a line as the log writes it; others go first. */
const moment = /^\{"seq":\d{1,15},"time":"([^"\\]{1,40})"/

/** One chain, read line by line; where its end is waited at, it says so instead of keeping the others waiting. */
class Source {
  line: string | undefined
  /** RFC 3339, UTC; of equal length, so that texts compare as times do. */
  time = ''
  readonly #name: string
  readonly #lines: AsyncGenerator<string>
  #over = false
  /** Ends the wait at the end of the chain. */
  #wake: ((more: boolean) => void) | undefined
  #reading = false
  #filled: { resolve(): void; reject(error: unknown): void } | undefined

  constructor(path: string, name: string, { sinceMs, wait }: Pick<ReadOptions, 'sinceMs' | 'wait'>) {
    this.#name = name
    this.#lines = readLog(path, {
      ...(sinceMs === undefined ? {} : { sinceMs }),
      ...(wait ? { wait: () => this.#waitAtEnd() } : {}),
    })
  }

  /** Resolves when there is a line, or none for now. */
  fill(): Promise<void> {
    if (this.line !== undefined || this.#over || this.#wake) return Promise.resolve()
    return new Promise((resolve, reject) => {
      this.#filled = { resolve, reject }
      void this.#read()
    })
  }

  take(): ChainLine {
    const line = this.line ?? ''
    this.line = undefined
    return { line, chain: this.#name }
  }

  /** Looks again for lines. */
  goOn(): void {
    this.#leave(true)
  }

  async close(): Promise<void> {
    this.#over = true
    this.#leave(false)
    await this.#lines.return(undefined)
  }

  async #read(): Promise<void> {
    if (this.#reading) return
    this.#reading = true
    try {
      const { done, value } = await this.#lines.next()
      if (done) this.#over = true
      else {
        this.line = value
        this.time = moment.exec(value)?.[1] ?? ''
      }
      this.#filled?.resolve()
    } catch (error) {
      this.#over = true
      this.#filled?.reject(error)
    } finally {
      this.#reading = false
    }
  }

  #waitAtEnd(): Promise<boolean> {
    if (this.#over) return Promise.resolve(false)
    return new Promise((resolve) => {
      this.#wake = resolve
      this.#filled?.resolve()
    })
  }

  #leave(more: boolean): void {
    const wake = this.#wake
    this.#wake = undefined
    wake?.(more)
  }
}
