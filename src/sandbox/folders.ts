/** Which folders of the host a confined command may be given. */
import { realpathSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import { SandboxProblem } from './confinement.ts'

/** They show or steer the host, or hold sockets of its services. */
const never = ['/proc', '/sys', '/dev', '/run', '/boot']
/** A command that could write here could change programs of the host. */
const neverWritten = ['/usr', '/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32', '/etc']

/**
 * Resolves a folder for a confined command.
 * @param own files and folders of the gateway, which no command may see
 * @throws SandboxProblem if it is none, is reached through a symbolic link, or is, holds or lies in a folder that is not given to commands
 */
export function allowedFolder(path: string, access: 'read' | 'write', own: readonly string[]): string {
  const given = resolve(path)
  const real = realFolder(given)
  // A command that may write beside it could have made the link.
  if (real !== given) throw new SandboxProblem(`${path} is or goes through a symbolic link. Name its target.`)
  const found = folderNotGiven(real, access)
  if (found !== undefined) throw new SandboxProblem(`${path} is not given to commands: ${found}.`)
  if (own.some((each) => overlap(real, realOrGiven(each))))
    throw new SandboxProblem(`${path} is not given to commands: keys, audit log or policy of the gateway.`)
  return real
}

/** Names the folder of the host that keeps commands from getting this one, if any does. @param path absolute */
export function folderNotGiven(path: string, access: 'read' | 'write'): string | undefined {
  const refused = access === 'write' ? [...never, ...neverWritten] : never
  return refused.find((each) => overlap(path, each))
}

function realFolder(path: string): string {
  try {
    if (statSync(path).isDirectory()) return realpathSync(path)
  } catch {
    // Told below.
  }
  throw new SandboxProblem(`${path} is not a folder that can be read.`)
}

function realOrGiven(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    return resolve(path)
  }
}

function overlap(one: string, other: string): boolean {
  return isWithin(one, other) || isWithin(other, one)
}

/** Whether a path is a folder or lies in it. Both are absolute. */
export function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder === '/' ? '/' : `${folder}/`)
}
