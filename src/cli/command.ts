/** The types of a command and the options that several share. Each command is a file beside this one, listed in `commands.ts`. */
import type { Readable } from 'node:stream'
import type { Processes } from '../audit/write/lock.ts'
import type { Variables } from '../policy/locate.ts'
import type { Processes as Family } from '../server/part.ts'

/** Everything a command may touch of its process. `main.ts` passes the real one, tests pass their own. */
export interface Io {
  out(text: string): void
  err(text: string): void
  /** Whether `err` is a terminal. */
  readonly terminal: boolean
  readonly input: Readable
  readonly variables: Variables
  readonly processes: Processes
  /** Memory limit of the container in bytes, if it has one. */
  readonly constrainedMemory?: number | undefined
  /** The other processes of a gateway with several workers. */
  readonly family?: Family
  /** Registers for SIGTERM, SIGINT, SIGHUP and SIGUSR2. */
  on(signal: 'SIGTERM' | 'SIGINT' | 'SIGHUP' | 'SIGUSR2', listener: () => void): void
  readonly version: string
  /** The Node that runs this program: its version such as `24.1.0`, and the commands that start both. */
  readonly node?: { readonly version: string; readonly program: string; readonly script: string }
  /** Name of the user who runs the command. */
  readonly user: string
}

/** 0 success, 1 a check failed or the policy has errors, 2 wrong usage, 3 findings. Only `sandbox` ends with others. */
export type ExitCode = 0 | 1 | 2 | 3

/** An option of a command. */
export interface Option {
  /** As commander reads it: `-c, --config <file>`. */
  readonly flags: string
  readonly description: string
  readonly standard?: string
  readonly required?: boolean
}

/** Option values by long name, in camel case; lists of options such as `--allow-read <dir...>`. */
export type Values = Readonly<Record<string, string | boolean | readonly string[] | undefined>>

/** A command: its arguments, its options, and what it does. */
export interface Command {
  /** `<id>`, `[file]`, `<kind> [name]`. */
  readonly argument?: string
  readonly options: readonly Option[]
  run(values: Values, io: Io, ...words: readonly string[]): Promise<number> | number
}

/** The option that names the policy file. */
export const configOption: Option = {
  flags: '-c, --config <file>',
  description: 'policy file; also accepted before the command, or in TORWART_CONFIG',
  standard: 'config/torwart.yaml',
}

/** The option that names the author of a change. */
export const byOption: Option = {
  flags: '--by <name>',
  description: 'name of the person who does this, for the audit log; default: your user name',
}

/** The option that names the admin listener. */
export const adminOption: Option = {
  flags: '--admin <url>',
  description: 'URL of the admin listener; default: the address in the policy',
}

/** The option that asks for JSON instead of text. */
export const jsonOption: Option = { flags: '--json', description: 'print JSON' }

/** Returns the text of an option; empty if it is absent. */
export function textOf(values: Values, name: string): string {
  const value = values[name]
  return typeof value === 'string' ? value : ''
}

/** Returns the texts of an option that may be given several times; none if it is absent. */
export function textsOf(values: Values, name: string): readonly string[] {
  const value = values[name]
  return typeof value === 'object' ? value : []
}

/** Returns the author of a change: `--by`, or else the user. */
export function authorOf(values: Values, io: Io): string {
  return textOf(values, 'by') || io.user
}

/** Wrong usage that only the command itself can detect. Ends with exit code 2. */
export class UsageError extends Error {}
