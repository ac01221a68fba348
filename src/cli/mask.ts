/**
 * `torwart mask`: prints a text as the audit log would keep it. With `--jsonl` every input line gets one output line, in
 * order: a line that cannot be read is answered with an `error`.
 */

import type { SensitiveFinder } from '../detect/sensitive/finder.ts'
import { createMasker, shippedFinder } from '../detect/sensitive/mask.ts'
import { linesOf } from '../files/lines.ts'
import { type Command, type ExitCode, type Io, textOf, type Values } from './command.ts'
import { jsonlOption, openInput, readAll } from './shared/text-input.ts'

/** The command `torwart mask`. */
export const mask: Command = {
  argument: '[file]',
  options: [
    {
      flags: '-c, --config <file>',
      description: 'also mask the names listed in this policy; default: built-in detectors only',
    },
    jsonlOption,
  ],
  async run(values, io, file): Promise<ExitCode> {
    const finder = await finderOf(values, io)
    const input = openInput(io, file)
    if (!values.jsonl) {
      io.out(createMasker((text) => finder.find(text)).mask(await readAll(input)))
      return 0
    }
    let line = 0
    let broken = 0
    // Each line is written before the next one is read, so memory stays bounded.
    for await (const written of linesOf(input)) {
      line++
      if (written.trim() === '') continue
      const text = textIn(written)
      if (text === undefined) {
        broken++
        io.err(`line ${line} is not a JSON object with a "text"\n`)
        io.out(`${JSON.stringify({ error: `line ${line} is not a JSON object with a "text"` })}\n`)
        continue
      }
      const spans = finder.find(text)
      io.out(`${JSON.stringify({ text: createMasker(() => spans).mask(text), spans })}\n`)
    }
    return broken === 0 ? 0 : 1
  },
}

async function finderOf(values: Values, io: Io): Promise<SensitiveFinder> {
  const config = textOf(values, 'config')
  if (config === '') return shippedFinder
  // Loaded when asked for: it takes half a second of CPU.
  const { loadPolicy } = await import('../policy/load.ts')
  return loadPolicy(config, io.variables).policy.personalData.finder
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
