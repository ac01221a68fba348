/** `torwart tools list` and `torwart tools accept`: the tool definitions that keys offered first (`models.tools: pin`). */
import { randomHex } from '../core/random.ts'
import { table } from '../core/table.ts'
import { whileLocked } from '../files/lock.ts'
import { locateKeys } from '../policy/locate.ts'
import { pinsFile, readPins, type ToolPin, writePins } from '../tool-policy/pins/pin-file.ts'
import {
  authorOf,
  byOption,
  type Command,
  configOption,
  type ExitCode,
  type Io,
  jsonOption,
  textOf,
  UsageError,
  type Values,
} from './command.ts'

/** The command `torwart tools list`. */
export const toolsList: Command = {
  options: [
    configOption,
    { flags: '--changed', description: 'only tools whose definition has changed' },
    jsonOption,
  ],
  run(values, io): ExitCode {
    const all = openPins(fileOf(values, io))
    const tools = values.changed ? all.filter(({ changed }) => changed) : all
    if (values.json) io.out(`${JSON.stringify({ tools }, null, 2)}\n`)
    else if (tools.length === 0) io.out(values.changed ? 'No tool has changed.\n' : 'No tools are pinned.\n')
    else io.out(table(['key', 'tool', 'definition', 'since', 'changed', 'accepted by'], tools.map(rowOf)))
    return all.some(({ changed }) => changed) ? 1 : 0
  },
}

/** The command `torwart tools accept`. */
export const toolsAccept: Command = {
  argument: '<tool>',
  options: [
    configOption,
    {
      flags: '--key <id>',
      description: 'for this key only; otherwise for all that offer the changed definition',
    },
    { flags: '--why <reason>', description: 'reason, for the audit log', required: true },
    byOption,
  ],
  async run(values, io, tool = ''): Promise<ExitCode> {
    const file = fileOf(values, io)
    const key = textOf(values, 'key')
    const at = new Date().toISOString()
    const accepted = { id: `ta_${randomHex(6)}`, why: textOf(values, 'why'), by: authorOf(values, io), at }
    const isMeant = (pin: ToolPin) => pin.tool === tool && (key === '' || pin.key === key)
    const count = await whileLocked(file, () => {
      const pins = openPins(file)
      const meant = pins.filter((pin) => isMeant(pin) && pin.changed !== undefined)
      if (meant.length === 0)
        throw new UsageError(`No changed definition of ${tool} is known. Run \`torwart tools list\`.`)
      writePins(
        file,
        pins.map(({ changed, ...pin }) => {
          if (!changed) return pin
          return isMeant(pin) ? { ...pin, sha256: changed.sha256, since: at, accepted } : { ...pin, changed }
        }),
      )
      return meant.length
    })
    io.out(
      `${tool}: the changed definition is accepted for ${count === 1 ? '1 key' : `${count} keys`}. A running gateway applies it within two seconds.\n`,
    )
    return 0
  },
}

function fileOf(values: Values, io: Io): string {
  return pinsFile(locateKeys(textOf(values, 'config'), io.variables))
}

/** @throws UsageError */
function openPins(file: string): readonly ToolPin[] {
  try {
    return readPins(file)
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
    throw new UsageError(`${error.message}.`)
  }
}

/** Characters of a digest that are shown. */
const shown = 12

function rowOf({ key, tool, sha256, since, changed, accepted }: ToolPin) {
  return {
    key,
    tool,
    definition: sha256.slice(0, shown),
    since,
    changed: changed ? `${changed.sha256.slice(0, shown)} since ${changed.since}` : null,
    'accepted by': accepted?.by ?? null,
  }
}
