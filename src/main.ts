#!/usr/bin/env node
/** The process: its arguments, environment, streams and signals, handed to the command line. */
import cluster, { type Worker } from 'node:cluster'
import { readFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { fileURLToPath } from 'node:url'
import { runCli } from './cli/program.ts'
import { errorCode } from './core/error-code.ts'
import { minOpenFiles, openFilesLimit, openFilesProblem } from './files/open-files.ts'
import type { ParentPort } from './server/part.ts'
import type { WorkerProcess } from './workers/supervisor.ts'

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string
}

/** Where a worker finds its number. */
const workerVariable = 'TORWART_WORKER'

// A reader that closes its end (`| head`) is no fault.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0)
  throw error
})

// Before the modules of a command are read, which would fail with one of Node's own errors.
const openFiles = openFilesLimit()
if (openFiles !== undefined && openFiles < minOpenFiles) {
  process.stderr.write(`${openFilesProblem(openFiles)}\n`)
  process.exit(1)
}

const code = await runCli(process.argv.slice(2), {
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
  terminal: process.stderr.isTTY === true,
  input: process.stdin,
  variables: process.env,
  processes: { pid: process.pid, isAlive },
  constrainedMemory: process.constrainedMemory(),
  family: cluster.worker ? { parent: parentOf(cluster.worker) } : { host: { fork } },
  on: (signal, listener) => process.on(signal, listener),
  version,
  node: { version: process.versions.node, program: process.execPath, script: fileURLToPath(import.meta.url) },
  user: userName(),
})
process.exitCode = code

/** Forks this program with the same arguments. */
function fork(worker: number): WorkerProcess {
  const child = cluster.fork({ [workerVariable]: String(worker) })
  // Whoever is gone gets no message; its exit is told.
  child.on('error', () => {})
  return {
    pid: child.process.pid,
    send: (message) => void child.send(message as object, () => {}),
    onMessage: (listener) => void child.on('message', listener),
    onExit: (listener) => void child.on('exit', listener),
    kill: () => void child.process.kill('SIGKILL'),
  }
}

/** The primary, as its worker sees it. Node ends a worker whose primary is gone. */
function parentOf(self: Worker): ParentPort {
  return {
    worker: Number(process.env[workerVariable]),
    send: (message) => void process.send?.(message, undefined, undefined, () => {}),
    onMessage: (listener) => void process.on('message', listener),
    leave: () => self.disconnect(),
  }
}

/** In a container nobody may have given the number a name. */
function userName(): string {
  try {
    return userInfo().username
  } catch {
    return `user ${process.getuid?.()}`
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return errorCode(error) === 'EPERM'
  }
}
