/** What tools of agents get in `torwart sandbox`, from what the policy file says. */
import { resolve } from 'node:path'
import { parseDuration } from '../core/units.ts'
import { folderNotGiven } from '../sandbox/folders.ts'
import type { Config } from './schema/schema.ts'
import type { Path, Report } from './source.ts'
import type { ToolProfile } from './tool-profile.ts'

/** Compiles `sandbox`. Reports folders that no command is given; whether they are there is seen when a tool runs. */
export function compileSandbox(
  { sandbox }: Config,
  folder: string,
  report: Report,
): ReadonlyMap<string, ToolProfile> {
  return new Map(
    Object.entries(sandbox).map(([name, { command, read, write, timeout }]) => {
      const path: Path = ['sandbox', name]
      for (const [index, word] of command.entries())
        if (word.includes('\0')) report([...path, 'command', index], 'must not hold a null character')
      const foldersOf = (access: 'read' | 'write', given: readonly string[]) =>
        given.map((each, index) => {
          const at = resolve(folder, each)
          const fault = faultOf(at, access)
          if (fault !== undefined) report([...path, access, index], fault)
          return at
        })
      return [
        name,
        {
          command,
          read: foldersOf('read', read),
          write: foldersOf('write', write),
          timeoutMs: parseDuration(timeout) ?? 0,
        },
      ] as const
    }),
  )
}

function faultOf(path: string, access: 'read' | 'write'): string | undefined {
  if (path.includes('\0')) return 'must not hold a null character'
  const never = folderNotGiven(path, access)
  return never && `names a folder that is not given to commands: ${never}`
}
