/** Runs a confined command with bounds on time and streams. */
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import type { Readable, Writable } from 'node:stream'
import { StringDecoder } from 'node:string_decoder'
import { maxMemory, maxStream } from './bounds.ts'
import { type Confinement, SandboxProblem } from './confinement.ts'
import { childDescriptors } from './descriptors.ts'
import { watchMemory } from './memory-watch.ts'

/** What ended a command before its time. */
export type Stop = 'time' | 'input' | 'output' | 'memory' | 'signal'

/** How a command ended. */
export interface Outcome {
  /** 128 and the number of the signal, if a signal ended it. */
  readonly code: number
  readonly stoppedBy: Stop | undefined
  readonly ms: number
}

/** Where a command reads and writes. */
export interface Streams {
  readonly input: Readable
  out(text: string): void
  err(text: string): void
}

/** A command to be run. */
export interface Job {
  readonly command: readonly string[]
  readonly timeoutMs: number
  readonly streams: Streams
  /** Environment of the program that confines, not of the command. */
  readonly variables: NodeJS.ProcessEnv
  /** Takes what stops the command. */
  onStart(stop: (reason: Stop) => void): void
}

/** Runs a command. @throws SandboxProblem if the program that confines cannot be started */
export async function runConfined(confinement: Confinement, job: Job): Promise<Outcome> {
  const started = performance.now()
  const child = startChild(confinement, job)
  let stoppedBy: Stop | undefined
  const stop = (reason: Stop) => {
    if (stoppedBy !== undefined) return
    stoppedBy = reason
    child.kill('SIGKILL')
    endElsewhere(confinement, job)
  }
  const unwatch =
    confinement.boundsMemory || child.pid === undefined
      ? () => {}
      : watchMemory(child.pid, maxMemory, () => stop('memory'))
  const timer = setTimeout(() => stop('time'), job.timeoutMs)
  job.onStart(stop)
  feed(child.stdin, job.streams.input, () => stop('input'))
  drain(
    child.stdout,
    (text) => job.streams.out(text),
    () => stop('output'),
  )
  drain(
    child.stderr,
    (text) => job.streams.err(text),
    () => stop('output'),
  )
  try {
    const code = await endOf(child)
    return { code, stoppedBy, ms: Math.round(performance.now() - started) }
  } finally {
    clearTimeout(timer)
    unwatch()
    job.streams.input.destroy()
  }
}

function startChild(confinement: Confinement, { command, variables }: Job): ChildProcess {
  const [program = '', ...given] = confinement.words(command)
  const none = openSync('/dev/null', 'r+')
  try {
    const child = spawn(program, given, {
      cwd: '/',
      env: variables,
      stdio: childDescriptors(confinement.filter !== undefined, none),
    })
    if (confinement.filter !== undefined) {
      const filter = child.stdio[3] as Writable
      // Whoever could not be started reads nothing; `error` tells.
      filter.on('error', () => {})
      filter.end(confinement.filter)
    }
    return child
  } finally {
    closeSync(none)
  }
}

/** Containers outlive the program that started them. */
function endElsewhere({ stop }: Confinement, { variables }: Job): void {
  const [program, ...given] = stop ?? []
  if (program === undefined) return
  spawn(program, given, { env: variables, stdio: 'ignore' }).on('error', () => {})
}

function endOf(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    child.on('error', (error: NodeJS.ErrnoException) =>
      reject(new SandboxProblem(`cannot be started (${error.code})`)),
    )
    child.on('close', (code) => resolve(code ?? 137))
  })
}

/** Hands the input over as the command reads it. */
function feed(to: Writable | null, input: Readable, exceeded: () => void): void {
  let bytes = 0
  // A command that reads no more, or has ended.
  to?.on('error', () => input.destroy())
  to?.on('drain', () => input.resume())
  input.on('error', () => to?.end())
  input.on('end', () => to?.end())
  input.on('data', (piece: Buffer) => {
    bytes += piece.length
    if (bytes > maxStream) exceeded()
    else if (to?.write(piece) === false) input.pause()
  })
}

function drain(from: Readable | null, take: (text: string) => void, exceeded: () => void): void {
  const decoder = new StringDecoder('utf8')
  let left = maxStream
  from?.on('data', (piece: Buffer) => {
    if (left < 0) return
    take(decoder.write(piece.subarray(0, left)))
    left -= piece.length
    if (left < 0) exceeded()
  })
  from?.on('end', () => take(decoder.end()))
}
