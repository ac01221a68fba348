/** The command line: in this process with a world of its own, or as the built program it is shipped as. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { Readable } from 'node:stream'
import type { Io } from '../../src/cli/command.ts'
import { runCli } from '../../src/cli/program.ts'
import { processes } from './gate.ts'

export interface Ran {
  readonly code: number
  readonly out: string
  readonly err: string
}

/** What a command may touch of its process, with what it printed. */
export function ioOf(input = '', variables: Record<string, string> = {}) {
  const printed = { out: '', err: '' }
  const io: Io = {
    out: (text) => {
      printed.out += text
    },
    err: (text) => {
      printed.err += text
    },
    terminal: false,
    input: Readable.from([Buffer.from(input)]),
    variables,
    processes,
    on: () => {},
    version: '0.0.0-test',
    user: 'tester',
  }
  return { io, printed }
}

export async function cli(
  words: readonly string[],
  input = '',
  variables: Record<string, string> = {},
): Promise<Ran> {
  const { io, printed } = ioOf(input, variables)
  const code = await runCli(words, io)
  return { code, ...printed }
}

const program = new URL('../../dist/main.js', import.meta.url).pathname

export interface Program {
  readonly process: ChildProcessWithoutNullStreams
  output(): string
  /** Resolves with the exit code, or the signal. */
  readonly ended: Promise<number | string>
}

export function start(words: readonly string[], environment: Record<string, string> = {}): Program {
  const child = spawn(process.execPath, [program, ...words], { env: { ...process.env, ...environment } })
  let text = ''
  child.stdout.on('data', (piece: Buffer) => {
    text += piece.toString()
  })
  child.stderr.on('data', (piece: Buffer) => {
    text += piece.toString()
  })
  const ended = new Promise<number | string>((resolve) =>
    child.on('exit', (code, signal) => resolve(code ?? signal ?? '')),
  )
  return { process: child, output: () => text, ended }
}

/** The line that `serve` writes when both listeners accept. */
export function listening(output: string): { data: string; admin: string } | undefined {
  const line = output.split('\n').find((each) => each.includes('"msg":"listening"'))
  return line === undefined ? undefined : (JSON.parse(line) as { data: string; admin: string })
}
