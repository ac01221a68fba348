/** `torwart mask`: what the audit log would keep of a text. */
import { createMasker, findSensitive } from '../scan/mask.ts'
import type { Command, ExitCode } from './command.ts'
import { jsonLines, jsonlOption, openInput, readAll } from './text-input.ts'

export const mask: Command = {
  name: 'mask',
  summary: 'print a text with personal data and secrets masked',
  argument: '[file]',
  options: [jsonlOption],
  async run(values, io, file): Promise<ExitCode> {
    const input = openInput(io, file)
    if (!values.jsonl) {
      io.out(createMasker().mask(await readAll(input)))
      return 0
    }
    for await (const { text } of jsonLines(input))
      io.out(`${JSON.stringify({ text: createMasker().mask(text), spans: findSensitive(text) })}\n`)
    return 0
  },
}
