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
    {
      flags: '--definition <digest>',
      description: 'only this changed definition, by the digits that `tools list` shows',
    },
    { flags: '--why <reason>', description: 'reason, for the audit log', required: true },
    byOption,
  ],
  async run(values, io, tool = ''): Promise<ExitCode> {
    const file = fileOf(values, io)
    const key = textOf(values, 'key')
    const at = new Date().toISOString()
    const accepted = { id: `ta_${randomHex(6)}`, why: textOf(values, 'why'), by: authorOf(values, io), at }
    const { sha256, count } = await whileLocked(file, () => {
      const pins = openPins(file)
      const meant = changedPins(pins, tool, { key, definition: textOf(values, 'definition') })
      writePins(
        file,
        pins.map((pin) => {
          if (!meant.has(pin)) return pin
          const { changed, ...rest } = pin
          return { ...rest, sha256: changed?.sha256 ?? pin.sha256, since: at, accepted }
        }),
      )
      return { sha256: [...meant][0]?.changed?.sha256 ?? '', count: meant.size }
    })
    io.out(
      `${tool}: the definition ${sha256.slice(0, shown)} is accepted for ${count === 1 ? '1 key' : `${count} keys`}. A running gateway applies it within two seconds.\n`,
    )
    return 0
  },
}

/**
 * Finds the pins whose change is accepted. One definition at a time: a server that changes its mind between looking and
 * accepting must not have another one accepted.
 * @throws UsageError if there is none, or more than one definition
 */
function changedPins(
  pins: readonly ToolPin[],
  tool: string,
  { key, definition }: { readonly key: string; readonly definition: string },
): ReadonlySet<ToolPin> {
  const found = pins.filter(
    (pin) =>
      pin.tool === tool &&
      (key === '' || pin.key === key) &&
      pin.changed?.sha256.startsWith(definition.toLowerCase()),
  )
  const digests = new Set(found.map(({ changed }) => changed?.sha256.slice(0, shown)))
  if (digests.size === 0)
    throw new UsageError(
      `No ${definition === '' ? 'changed definition' : `changed definition ${definition}`} of ${tool} is known. Run \`torwart tools list\`.`,
    )
  if (digests.size > 1)
    throw new UsageError(
      `Keys offer several changed definitions of ${tool}. Name one with --definition: ${[...digests].join(', ')}.`,
    )
  return new Set(found)
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
