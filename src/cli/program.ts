/** The command line, put together from the commands. */
import { CommanderError, Command as Program } from 'commander'
import { type Command, type ExitCode, type Io, UsageError, type Values } from './command.ts'
import { commands } from './commands.ts'
import { asProblem } from './problem.ts'

/** @param words the arguments behind the program's name */
export async function runCli(words: readonly string[], io: Io): Promise<ExitCode> {
  let exit: ExitCode = 0
  const program = new Program('torwart')
    .description('A gatekeeper in front of self-hosted model servers.')
    .version(io.version)
    .exitOverride()
    .configureOutput({ writeOut: io.out, writeErr: io.err })
    .showHelpAfterError('(--help tells more)')
  const groups = new Map<string, Program>()
  for (const command of commands) {
    const parent = parentOf(program, groups, command)
    addTo(parent, command, async (values, words) => {
      exit = await command.run(values, io, ...words)
    })
  }
  try {
    await program.parseAsync([...words], { from: 'user' })
    return exit
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
    if (error instanceof UsageError) {
      io.err(`${error.message}\n`)
      return 2
    }
    io.err(`${asProblem(error)}\n`)
    return 1
  }
}

const groupSummaries: Readonly<Record<string, string>> = {
  key: 'manage API keys',
  token: 'work with capability tokens',
  audit: 'work with the audit log',
  breaker: 'work with circuit breakers',
}

function parentOf(program: Program, groups: Map<string, Program>, { name }: Command): Program {
  const [group, member] = name.split(' ')
  if (group === undefined || member === undefined) return program
  const known = groups.get(group)
  if (known) return known
  const made = program.command(group).description(groupSummaries[group] ?? '')
  groups.set(group, made)
  return made
}

function addTo(
  parent: Program,
  { name, summary, argument, options }: Command,
  action: (values: Values, words: readonly string[]) => Promise<void>,
): void {
  const made = parent.command(name.split(' ').at(-1) ?? name).description(summary)
  if (argument !== undefined) made.arguments(argument)
  for (const { flags, description, standard, required } of options) {
    if (required) made.requiredOption(flags, description)
    else made.option(flags, description, standard)
  }
  made.action((...given: unknown[]) => {
    const words = given.filter((word) => typeof word === 'string')
    return action(made.opts() as Values, words)
  })
}
