/** `torwart restore`: puts the files of a backup where they belong. */
import { existsSync } from 'node:fs'
import { basename, resolve } from 'node:path'
import { isLocked } from '../audit/write/lock.ts'
import { announceEvent } from '../audit/write/operator-events.ts'
import {
  type CheckedBackup,
  checkBackup,
  inTheWay,
  placeOf,
  RestoreProblem,
  restoreBackup,
} from '../backup/restore.ts'
import { readPublicKeyFile } from '../files/signing-key.ts'
import {
  authorOf,
  byOption,
  type Command,
  type ExitCode,
  type Io,
  textOf,
  UsageError,
  type Values,
} from './command.ts'

const maxNamed = 10

/** The command `torwart restore`. */
export const restore: Command = {
  options: [
    { flags: '--from <folder>', description: 'folder that `torwart backup` made', required: true },
    {
      flags: '--root <folder>',
      description: 'restore below this folder, to look at it or to move it; default: /',
    },
    { flags: '--key <file>', description: 'public key kept elsewhere that must have signed the backup' },
    { flags: '--force', description: 'put existing files aside, as NAME.replaced-TIME' },
    byOption,
  ],
  async run(values, io): Promise<ExitCode> {
    const from = resolve(textOf(values, 'from'))
    if (!existsSync(from)) throw new UsageError(`There is no backup ${from}.`)
    try {
      return await restoreFrom(from, values, io)
    } catch (error) {
      if (!(error instanceof RestoreProblem)) throw error
      io.err(`${error.message}\n`)
      return 1
    }
  },
}

async function restoreFrom(folder: string, values: Values, io: Io): Promise<ExitCode> {
  const root = textOf(values, 'root') === '' ? '' : resolve(textOf(values, 'root'))
  const backup = await checkBackup(folder, publicKeyIn(values))
  const log = placeOf(backup.manifest.auditFile, root)
  if (existsSync(log) && (await isLocked(log, io)))
    throw new RestoreProblem(`A gateway is writing ${log}. Stop it first; nothing was restored`)
  const existing = inTheWay(backup.manifest, root)
  if (existing.length > 0 && values.force !== true) {
    const shown = existing.slice(0, maxNamed).map((path) => `  ${path}\n`)
    const more = existing.length > maxNamed ? `  and ${existing.length - maxNamed} more\n` : ''
    io.err(`These exist already; nothing was restored. --force puts them aside:\n${shown.join('')}${more}`)
    return 1
  }
  const moved = await restoreBackup(backup, root, Date.now())
  const { made, node } = backup.manifest
  const details = { by: authorOf(values, io), from: basename(folder), made, node, manifest: backup.sha256 }
  await announceEvent(log, 'backup restored', { ...details, putAside: moved.length })
  tell(backup, moved, log, io)
  return 0
}

/** @throws UsageError */
function publicKeyIn(values: Values) {
  const file = textOf(values, 'key')
  if (file === '') return undefined
  // Of several keys in `FILE.pub` the last one signs.
  const key = readPublicKeyFile(file).at(-1)
  if (!key) throw new UsageError(`${file} has no public key.`)
  return key
}

function tell({ manifest }: CheckedBackup, moved: readonly string[], log: string, io: Io): void {
  io.out(`${manifest.files.length} files of ${manifest.made} (${manifest.node}) were restored.\n`)
  if (manifest.problem !== null)
    io.err(`The audit log did not verify when it was backed up: ${manifest.problem}\n`)
  for (const path of moved) io.out(`put aside: ${path}\n`)
  for (const path of manifest.leftOut) io.err(`not in the backup: ${path}\n`)
  io.out(`Start the gateway, then run: torwart audit verify ${log}\n`)
}
