/** What `allow` and `exceptions` share: reading and changing the exceptions file. */
import { existsSync } from 'node:fs'
import { replaceFile } from '../../files/atomic.ts'
import { whileLocked } from '../../files/lock.ts'
import {
  type Exception,
  exceptionsFile,
  isOver,
  maxExceptions,
  readExceptions,
} from '../../policy/exceptions.ts'
import { type ExitCode, type Io, textOf, UsageError, type Values } from '../command.ts'
import { awaitReload } from './await-reload.ts'

/** Reads the exceptions in force. @throws UsageError */
export function openExceptions(values: Values): readonly Exception[] {
  const policyFile = textOf(values, 'config')
  if (!existsSync(policyFile)) throw new UsageError(`There is no policy file ${policyFile}.`)
  try {
    return readExceptions(policyFile).entries.filter((each) => !isOver(each, Date.now()))
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
    throw new UsageError(`${exceptionsFile(policyFile)} ${error.message}.`)
  }
}

/**
 * Changes the exceptions in force and drops expired ones.
 * @returns 1 if the running gateway has not applied the change in time
 * @throws UsageError
 */
export async function changeExceptions(
  values: Values,
  io: Io,
  change: (entries: readonly Exception[]) => readonly Exception[],
): Promise<ExitCode> {
  const file = exceptionsFile(textOf(values, 'config'))
  // Checked before locking, because locking creates folders.
  openExceptions(values)
  await whileLocked(file, () => {
    const entries = change(openExceptions(values))
    if (entries.length > maxExceptions)
      throw new UsageError(
        `A policy may have ${maxExceptions} exceptions at most. Disable the signature or change its severity instead.`,
      )
    replaceFile(file, `${JSON.stringify({ exceptions: entries }, null, 2)}\n`)
  })
  const taken = await awaitReload(values, io, 'exceptions', file)
  if (taken === 'no gateway')
    io.err('No gateway is running with this policy. The change applies when one starts.\n')
  return taken === 'late' ? 1 : 0
}

/** Returns channel and tool in the form that `--in` accepts. */
export function whereOf({ channel, tool }: { readonly channel: string; readonly tool?: string }): string {
  return tool === undefined ? channel : `${channel}:${tool}`
}
