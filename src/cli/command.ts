/** What a command is: a file beside this one, and an entry in `commands.ts`. */
import type { Readable } from 'node:stream'
import type { Processes } from '../audit/write/lock.ts'
import type { Variables } from '../policy/locate.ts'

/** The world as a command sees it; `main.ts` hands it the real one. */
export interface Io {
  out(text: string): void
  err(text: string): void
  /** Whether somebody watches `err` on a terminal. */
  readonly terminal: boolean
  readonly input: Readable
  readonly variables: Variables
  readonly processes: Processes
  /** Bytes that this process may have, if its container bounds them. */
  readonly constrainedMemory?: number | undefined
  /** Registers for SIGTERM, SIGINT and SIGHUP. */
  on(signal: 'SIGTERM' | 'SIGINT' | 'SIGHUP', listener: () => void): void
  readonly version: string
  /** Who types. */
  readonly user: string
}

/** 0 fine, 1 the check failed or the config is wrong, 2 bad usage, 3 findings. */
export type ExitCode = 0 | 1 | 2 | 3

export interface Option {
  /** As commander reads it: `-c, --config <file>`. */
  readonly flags: string
  readonly description: string
  readonly standard?: string
  readonly required?: boolean
}

/** Values by long name, camel-cased. */
export type Values = Readonly<Record<string, string | boolean | undefined>>

export interface Command {
  /** `<id>`, `[file]`, `<kind> [name]`. */
  readonly argument?: string
  readonly options: readonly Option[]
  run(values: Values, io: Io, ...words: readonly string[]): Promise<ExitCode> | ExitCode
}

export const configOption: Option = {
  flags: '-c, --config <file>',
  description: 'policy file; also accepted before the command, or in TORWART_CONFIG',
  standard: 'config/torwart.yaml',
}

export const byOption: Option = {
  flags: '--by <name>',
  description: 'name of the person who does this, for the audit log; default: your user name',
}

export const adminOption: Option = {
  flags: '--admin <url>',
  description: 'URL of the admin listener; default: the address in the policy',
}

export const jsonOption: Option = { flags: '--json', description: 'print JSON' }

export function textOf(values: Values, name: string): string {
  const value = values[name]
  return typeof value === 'string' ? value : ''
}

/** Who orders it. */
export function authorOf(values: Values, io: Io): string {
  return textOf(values, 'by') || io.user
}

/** Bad usage that only the command itself can see. */
export class UsageError extends Error {}
