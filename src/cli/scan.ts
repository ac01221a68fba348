/** `torwart scan`: what the prompt guard would say, without a gateway. */
import { type Channel, channels } from '../core/text.ts'
import { loadPacks } from '../policy/packs.ts'
import { createScanner, type Scanner } from '../scan/scanner.ts'
import { judge } from '../scan/verdict.ts'
import { type Command, type ExitCode, jsonOption, textOf, UsageError } from './command.ts'
import { jsonLines, jsonlOption, openInput, readAll } from './text-input.ts'

/** The thresholds of a policy that does not name any. */
const thresholds = { block: 'high', flag: 'medium' } as const

export const scan: Command = {
  name: 'scan',
  summary: 'scan a text for injection signatures; exit 3 if there are any',
  argument: '[file]',
  options: [
    { flags: '--channel <channel>', description: channels.join(', '), standard: 'user' },
    jsonlOption,
    jsonOption,
  ],
  async run(values, io, file) {
    const scanner = createScanner(loadPacks())
    const standard = channelOf(textOf(values, 'channel'))
    const input = openInput(io, file)
    let exit: ExitCode = 0
    if (values.jsonl) {
      for await (const { text, channel } of jsonLines(input)) {
        const result = scanText(scanner, text, channel === undefined ? standard : channelOf(channel))
        if (result.action !== 'allow') exit = 3
        io.out(`${JSON.stringify(result)}\n`)
      }
      return exit
    }
    const text = await readAll(input)
    const result = scanText(scanner, text, standard)
    if (values.json) io.out(`${JSON.stringify(result)}\n`)
    else {
      for (const { id, severity, start, end } of result.findings)
        io.out(`${start}-${end} ${severity} ${id}\n`)
      io.out(`${result.action} (score ${result.score})\n`)
    }
    return result.action === 'allow' ? 0 : 3
  },
}

function scanText(scanner: Scanner, text: string, channel: Channel) {
  const findings = scanner.scan(text, channel)
  return { ...judge(findings, channel, thresholds), findings }
}

function channelOf(name: unknown): Channel {
  const channel = channels.find((each) => each === name)
  if (!channel) throw new UsageError(`a channel must be one of ${channels.join(', ')}`)
  return channel
}
