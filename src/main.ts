#!/usr/bin/env node
/** The process: its arguments, environment, streams and signals, handed to the command line. */
import { readFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { runCli } from './cli/program.ts'
import { errorCode } from './core/error-code.ts'
import { minOpenFiles, openFilesLimit, openFilesProblem } from './files/open-files.ts'

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string
}

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
  on: (signal, listener) => process.on(signal, listener),
  version,
  user: userName(),
})
process.exitCode = code

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
