/**
 * `torwart mask`: what the audit log would keep of a text. Lines are answered one by one and in order, whatever they
 * hold: one that cannot be read gets an `error` in its place, so that the others still stand beside theirs.
 */

import { createMasker, findSensitive } from '../detect/sensitive/mask.ts'
import { linesOf } from '../files/lines.ts'
import type { Command, ExitCode } from './command.ts'
import { jsonlOption, openInput, readAll } from './shared/text-input.ts'

export const mask: Command = {
  argument: '[file]',
  options: [jsonlOption],
  async run(values, io, file): Promise<ExitCode> {
    const input = openInput(io, file)
    if (!values.jsonl) {
      io.out(createMasker().mask(await readAll(input)))
      return 0
    }
    let line = 0
    let broken = 0
    // Written before the next line is read: what nobody takes does not pile up.
    for await (const written of linesOf(input)) {
      line++
      if (written.trim() === '') continue
      const text = textIn(written)
      if (text === undefined) {
        broken++
        io.err(`line ${line} is no JSON object with a "text"\n`)
        io.out(`${JSON.stringify({ error: `line ${line} is no JSON object with a "text"` })}\n`)
        continue
      }
      const spans = findSensitive(text)
      io.out(`${JSON.stringify({ text: createMasker(() => spans).mask(text), spans })}\n`)
    }
    return broken === 0 ? 0 : 1
  },
}

function textIn(line: string): string | undefined {
  try {
    const value: unknown = JSON.parse(line)
    const isText =
      typeof value === 'object' && value !== null && 'text' in value && typeof value.text === 'string'
    return isText ? String(value.text) : undefined
  } catch {
    return undefined
  }
}
