/** The command line, built from the list of commands. */
import { CommanderError, Command as Program } from 'commander'
import { type Command, configOption, type Io, UsageError, type Values } from './command.ts'
import { commands, type ListedCommand } from './commands.ts'
import { asProblem } from './shared/error-text.ts'

/** Runs the command line. @param words the arguments after the program's name @returns the exit code */
export async function runCli(words: readonly string[], io: Io): Promise<number> {
  let exit = 0
  const program = new Program('torwart')
    .description(
      'A reverse proxy for Ollama, LocalAI and other OpenAI-compatible model servers with API keys, rate limits, prompt inspection and an audit log.',
    )
    .version(io.version)
    // Declared on the program too, so that it is accepted before and after the command.
    .option(configOption.flags, configOption.description)
    .exitOverride()
    .configureOutput({ writeOut: io.out, writeErr: io.err })
    .showHelpAfterError('(run with --help for usage)')
  const listed = listIn(program)
  const load = async (made: Program) => {
    const entry = listed.get(made)
    if (entry === undefined) return
    listed.delete(made)
    const command = await entry.load()
    define(made, command, async (values, words) => {
      exit = await command.run(withPolicyFile(values, command, program, io), io, ...words)
    })
  }
  for (const parent of [program, ...program.commands])
    parent.hook('preSubcommand', (_parent, chosen) => load(chosen))
  try {
    // `help COMMAND` shows a command's options without choosing it.
    if (words.includes('help')) for (const made of [...listed.keys()]) await load(made)
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
  token: 'manage capability tokens',
  audit: 'read and maintain the audit log',
  breaker: 'manage circuit breakers',
  tools: 'list pinned tool definitions and accept changed ones',
  incident: 'handle incidents: clocks, evidence, drafts of reports',
  models: 'lock, verify and test the versions of models',
}

/** Declares all commands by name and summary. @returns the commands, to be loaded when one of them is run */
function listIn(program: Program): Map<Program, ListedCommand> {
  const listed = new Map<Program, ListedCommand>()
  const groups = new Map<string, Program>()
  for (const command of commands) {
    const [first = '', member] = command.name.split(' ')
    const group = groups.get(first) ?? program
    const parent =
      member === undefined || group !== program
        ? group
        : program.command(first).description(groupSummaries[first] ?? '')
    if (member !== undefined) groups.set(first, parent)
    listed.set(parent.command(member ?? first).description(command.summary), command)
  }
  return listed
}

function define(
  made: Program,
  { argument, options }: Command,
  action: (values: Values, words: readonly string[]) => Promise<void>,
): void {
  if (argument !== undefined) made.arguments(argument)
  for (const { flags, description, standard, required } of options) {
    if (required) made.requiredOption(flags, description)
    else made.option(flags, description, standard)
  }
  made.action((...given: unknown[]) => {
    // Several words of one argument come as a list.
    const words = given.flat().filter((word) => typeof word === 'string')
    return action(made.opts() as Values, words)
  })
}

/** Applies the policy file given anywhere on the line, or else in the environment. @throws UsageError */
function withPolicyFile(values: Values, { options }: Command, program: Program, io: Io): Values {
  const given = program.opts<{ config?: string }>().config
  const takesOne = options.some(({ flags }) => flags === configOption.flags)
  if (!takesOne && given !== undefined)
    throw new UsageError('This command reads no policy file. Leave out -c.')
  const config = given ?? (io.variables.TORWART_CONFIG || undefined)
  return takesOne && config !== undefined ? { ...values, config } : values
}
