/** What the system gives the gateway: room on the disk, open files, memory. */
import { existsSync, statfsSync } from 'node:fs'
import { totalmem } from 'node:os'
import { dirname } from 'node:path'
import { errorCode } from '../../core/error-code.ts'
import { openFilesLimit } from '../../files/open-files.ts'
import type { Facts, Listener, Looked } from '../facts.ts'
import { processOf } from './proc.ts'

/** Whether this process runs in a container of Docker or Podman. */
export function isInContainer(): boolean {
  return existsSync('/.dockerenv') || existsSync('/run/.containerenv')
}

/** Reads the room on the disk that has, or will have, a file. */
export function readDisk(file: string): Facts['disk'] {
  let folder = dirname(file)
  while (!existsSync(folder) && dirname(folder) !== folder) folder = dirname(folder)
  try {
    const { bavail, blocks, bsize } = statfsSync(folder)
    return { value: { free: bavail * bsize, total: blocks * bsize } }
  } catch (error) {
    return { why: `the disk of ${folder} cannot be asked (${errorCode(error)})` }
  }
}

/** Reads how many files the gateway that listens on a port may open, or else this process. */
export function readOpenFiles(port: number, listeners: Looked<readonly Listener[]>): Facts['openFiles'] {
  const listener = 'value' in listeners ? listeners.value.find((each) => each.port === port) : undefined
  const pid = listener === undefined ? undefined : processOf(listener.inode)
  const ofGateway = pid === undefined ? undefined : openFilesLimit(`/proc/${pid}/limits`)
  if (ofGateway !== undefined) return { value: { limit: ofGateway, isGateway: true } }
  const own = openFilesLimit()
  return own === undefined
    ? { why: 'the limit on open files cannot be read here' }
    : { value: { limit: own, isGateway: false } }
}

/** Returns the memory of the host, or of the container if it has a limit, in bytes. */
export function memoryFor(constrained: number | undefined): number {
  return constrained === undefined || constrained === 0 ? totalmem() : Math.min(constrained, totalmem())
}
