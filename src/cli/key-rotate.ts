/** `torwart key rotate`: replaces the secret of a key. Its id stays, and with it limits and records. */
import { rotatedKey } from '../auth/api-keys/key-changes.ts'
import type { KeyEntry } from '../auth/api-keys/key-file.ts'
import {
  authorOf,
  byOption,
  type Command,
  configOption,
  type ExitCode,
  type Io,
  jsonOption,
} from './command.ts'
import { changeKeys, durationOption, findKey } from './shared/keys.ts'

/** The command `torwart key rotate`. */
export const keyRotate: Command = {
  argument: '<id>',
  options: [
    configOption,
    {
      flags: '--grace <duration>',
      description: 'how long the old secret still works, such as 24h; default: it stops at once',
    },
    byOption,
    jsonOption,
  ],
  async run(values, io, id): Promise<ExitCode> {
    const graceMs = durationOption(values, 'grace') ?? 0
    let key = ''
    const { entry, exit } = await changeKeys(values, io, (entries) => {
      const made = rotatedKey(findKey(entries, id), graceMs, Date.now(), authorOf(values, io))
      key = made.key
      return made.entry
    })
    tell(io, values.json === true, entry, key)
    return exit
  },
}

function tell(io: Io, asJson: boolean, entry: KeyEntry, key: string): void {
  const { id, name, role, expires, previous: [replaced, ...older] = [] } = entry
  if (asJson) {
    io.out(`${JSON.stringify({ id, key, name, role, expires: expires ?? null })}\n`)
    return
  }
  io.out(`${key}\n`)
  io.err(`New secret for key ${id}. Save it now: it cannot be shown again.\n`)
  io.err(`The old secret ${replaced ? `works until ${replaced.until}` : 'no longer works'}.\n`)
  for (const { until } of older) io.err(`An older secret works until ${until}.\n`)
}
