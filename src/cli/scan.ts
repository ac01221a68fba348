/** `torwart scan`: judges texts as the prompt guard would, without a gateway. */
import { type Channel, channels } from '../core/text.ts'
import { createScanner } from '../detect/injection/scanner.ts'
import { judge } from '../detect/injection/verdict.ts'
import { signaturesOf } from '../pipeline/request/scan-cache.ts'
import { loadPolicy } from '../policy/load.ts'
import { loadPacks } from '../policy/packs.ts'
import {
  type Command,
  type ExitCode,
  type Io,
  jsonOption,
  textOf,
  UsageError,
  type Values,
} from './command.ts'
import { jsonLines, jsonlOption, openInput, readAll } from './shared/text-input.ts'

/** The command `torwart scan`. */
export const scan: Command = {
  argument: '[file]',
  options: [
    {
      flags: '-c, --config <file>',
      description: 'use the thresholds and packs of this policy; default: those that ship',
    },
    {
      flags: '--channel <channel>',
      description: `channel of the text: ${channels.join(', ')}`,
      standard: 'user',
    },
    jsonlOption,
    jsonOption,
  ],
  async run(values, io, file) {
    const scanText = scanOf(values, io)
    const standard = channelOf(textOf(values, 'channel'))
    const input = openInput(io, file)
    let exit: ExitCode = 0
    if (values.jsonl) {
      for await (const { text, channel } of jsonLines(input)) {
        const result = scanText(text, channel === undefined ? standard : channelOf(channel))
        if (result.action !== 'allow') exit = 3
        io.out(`${JSON.stringify(result)}\n`)
      }
      return exit
    }
    const text = await readAll(input)
    const result = scanText(text, standard)
    if (values.json) io.out(`${JSON.stringify(result)}\n`)
    else {
      for (const { id, severity, start, end } of result.findings)
        io.out(`${start}-${end} ${severity} ${id}\n`)
      io.out(`${result.action} (score ${result.score})\n`)
    }
    return result.action === 'allow' ? 0 : 3
  },
}

/** The defaults of a policy. */
const thresholds = { block: 'high', flag: 'medium' } as const

function scanOf(values: Values, io: Io) {
  const config = textOf(values, 'config')
  const guard = config === '' ? undefined : loadPolicy(config, io.variables).policy.promptGuard
  const shipped = loadPacks()
  const scanner = createScanner(guard ? signaturesOf(guard, shipped) : shipped)
  return (text: string, channel: Channel) => {
    const findings = scanner.scan(text, channel)
    return { ...judge(findings, channel, guard ?? thresholds), findings }
  }
}

function channelOf(name: unknown): Channel {
  const channel = channels.find((each) => each === name)
  if (!channel) throw new UsageError(`The channel must be one of ${channels.join(', ')}.`)
  return channel
}
