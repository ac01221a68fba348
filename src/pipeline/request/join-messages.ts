/**
 * The texts of a request as a model server puts them behind each other, so that half an attack in each of two is read
 * as a whole one. Ollama joins the messages of one role that follow each other, whatever calls, results and thoughts
 * stand in them, and puts all system messages into one (`template/template.go`, `collate`).
 */
import type { Derived } from '../../core/derived.ts'
import type { Channel, Text } from '../../core/text.ts'

/** Texts of one speaker as one. */
export interface Joined {
  readonly channel: Channel
  readonly text: string
  readonly parts: readonly Part[]
  /** As in `Text`: texts that last are joined once. */
  readonly lasting?: true
}

/** Where a text begins within those that it is joined with, and the tool that it belongs to. */
export interface Part {
  readonly at: number
  readonly tool: string | undefined
}

/** The separator before a text marked `glued`. */
type Glue = '' | '\n'

/** Joins the texts that a server would put into one message. @param derived keeps what is joined of texts that last */
export function joinMessages(texts: readonly Text[], glue: Glue, derived: Derived): readonly Joined[] {
  const runs: Run[] = []
  let system = -1
  let speaking = -1
  let besides = -1
  for (const text of texts) {
    const { channel, aside } = text
    const before = channel === 'system' ? system : aside ? besides : speaking
    const run = runs[before]
    const goesOn = run?.text.channel === channel
    const at = goesOn ? before : runs.length
    runs[at] = goesOn ? run.with(text, glue, derived) : beginning(text, glue, derived)
    if (channel === 'system') system = at
    besides = aside ? at : -1
    if (!aside) speaking = at
  }
  return runs.map((run) => run.joined(derived))
}

const tables: Readonly<Record<Glue, string>> = { '': 'unspaced', '\n': 'spaced' }

function beginning(text: Text, glue: Glue, derived: Derived): Run {
  const run = () => new Run(text, 0, undefined)
  return text.lasting ? derived.of(tables[glue], text, run) : run()
}

/** A text, linked to those that it is joined behind. */
class Run {
  readonly text: Text
  readonly #at: number
  readonly #before: Run | undefined
  readonly #lasting: boolean
  /** Continuations by texts that last: joined once for all requests. */
  #next: WeakMap<Text, Run> | undefined
  #joined: Joined | undefined

  constructor(text: Text, at: number, before: Run | undefined) {
    this.text = text
    this.#at = at
    this.#before = before
    this.#lasting = text.lasting === true && (before === undefined || before.#lasting)
  }

  with(text: Text, glue: Glue, derived: Derived): Run {
    const run = () => new Run(text, this.#end + (text.glued ? glue : '\n').length, this)
    if (!this.#lasting || !text.lasting) return run()
    this.#next ??= new WeakMap()
    const known = this.#next.get(text)
    if (known) return known
    const made = run()
    derived.count(1, 0)
    this.#next.set(text, made)
    return made
  }

  get #end(): number {
    return this.#at + this.text.text.length
  }

  joined(derived: Derived): Joined {
    if (this.#joined) return this.#joined
    this.#joined = this.#join()
    // A text that stands alone is no copy.
    if (this.#lasting && this.#before) derived.count(0, this.#joined.text.length)
    return this.#joined
  }

  #join(): Joined {
    const runs: Run[] = []
    for (let run: Run | undefined = this; run; run = run.#before) runs.push(run)
    runs.reverse()
    let text = ''
    for (const run of runs) text += run.#at > text.length ? `\n${run.text.text}` : run.text.text
    const parts = runs.map((run): Part => ({ at: run.#at, tool: run.text.tool }))
    const { channel } = this.text
    return this.#lasting ? { channel, text, parts, lasting: true } : { channel, text, parts }
  }
}
