/** Narrows what a tool is given: whoever runs it may give it less than its profile, never more. */
import { type Folders, SandboxProblem } from './confinement.ts'
import { isWithin } from './folders.ts'

/**
 * Returns the asked folders alone, or those of the profile if none is asked. What a profile gives to be read within a
 * folder that may be written stays read-only.
 * @throws SandboxProblem for a folder that the profile does not give in this way
 */
export function narrowedFolders(profile: Folders, asked: Folders): Folders {
  if (asked.read.length + asked.write.length === 0) return profile
  for (const path of asked.read) if (accessTo(path, profile) === undefined) throw wider(path, 'read')
  for (const path of asked.write) if (accessTo(path, profile) !== 'write') throw wider(path, 'written')
  const kept = profile.read.filter(
    (path) => accessTo(path, profile) === 'read' && asked.write.some((folder) => isWithin(path, folder)),
  )
  return { read: [...new Set([...asked.read, ...kept])], write: asked.write }
}

/** The innermost folder of a profile decides, as its mount does. */
function accessTo(path: string, { read, write }: Folders): 'read' | 'write' | undefined {
  const depth = (folders: readonly string[]) =>
    Math.max(-1, ...folders.filter((folder) => isWithin(path, folder)).map(({ length }) => length))
  const [readable, writable] = [depth(read), depth(write)]
  if (readable === -1 && writable === -1) return undefined
  return writable >= readable ? 'write' : 'read'
}

function wider(path: string, how: string): SandboxProblem {
  return new SandboxProblem(`${path} is not among the folders of this tool’s profile that may be ${how}.`)
}
