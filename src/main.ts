#!/usr/bin/env node
/** The process: its arguments, environment, streams and signals, handed to the command line. */
import { spawn } from 'node:child_process'
import cluster, { type Worker } from 'node:cluster'
import { readFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { fileURLToPath } from 'node:url'
import { runCli } from './cli/program.ts'
import { errorCode } from './core/error-code.ts'
import { describeError } from './core/refusal.ts'
import { minOpenFiles, openFilesLimit, openFilesProblem } from './files/open-files.ts'
import {
  type InheritedSockets,
  inheritedSockets,
  socketsInWords,
  socketsVariable,
} from './http/sockets/inherited.ts'
import type { ParentPort, Predecessor, Processes, Successor } from './server/part.ts'
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
  family: family(),
  on: (signal, listener) => process.on(signal, listener),
  version,
  node: { version: process.versions.node, program: process.execPath, script: fileURLToPath(import.meta.url) },
  user: userName(),
})
process.exitCode = code

/** The other processes of the gateway, and the sockets that this one was started with. */
function family(): Processes {
  const sockets = ownSockets()
  if (cluster.worker) return { parent: parentOf(cluster.worker), sockets }
  const isSuccessor = process.env[socketsVariable] !== undefined && process.send !== undefined
  return {
    host: { fork: (worker) => fork(worker, sockets) },
    sockets,
    predecessor: isSuccessor ? predecessor() : undefined,
    startSuccessor,
  }
}

function ownSockets(): InheritedSockets {
  try {
    return inheritedSockets(process.env, process.pid)
  } catch (error) {
    process.stderr.write(`${describeError(error)}\n`)
    process.exit(1)
  }
}

/** Starts this program anew: the one that its path leads to now. */
function startSuccessor(sockets: Required<InheritedSockets>): Successor {
  const [, script = '', ...words] = process.argv
  const { LISTEN_PID: _, LISTEN_FDS: __, LISTEN_FDNAMES: ___, ...environment } = process.env
  const [data, admin, channel] = [3, 4, 5]
  const child = spawn(process.execPath, [...process.execArgv, script, ...words], {
    env: { ...environment, [socketsVariable]: socketsInWords({ data, admin }) },
    stdio: Object.assign(Array<'inherit'>(6).fill('inherit'), {
      [data]: sockets.data,
      [admin]: sockets.admin,
      [channel]: 'ipc',
    }),
  })
  child.on('error', () => {})
  return {
    pid: child.pid,
    send: (message) => void child.send(message as object, () => {}),
    onMessage: (listener) => void child.on('message', listener),
    onExit: (listener) => void child.once('exit', listener),
    kill: () => void child.kill('SIGKILL'),
    leave() {
      if (child.connected) child.disconnect()
      child.unref()
    },
  }
}

/** The gateway that started this one. */
function predecessor(): Predecessor {
  return {
    send: (message) => void process.send?.(message, undefined, undefined, () => {}),
    onMessage: (listener) => void process.on('message', listener),
    onGone: (listener) => void process.once('disconnect', listener),
  }
}

/** Forks this program with the same arguments. */
function fork(worker: number, sockets: InheritedSockets): WorkerProcess {
  const own = sockets.data === undefined ? {} : { [socketsVariable]: socketsInWords({ data: sockets.data }) }
  const child = cluster.fork({ [workerVariable]: String(worker), ...own })
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
