/**
 * Keeps files that this process was started with away from what it starts. Node does so only for those up to the first gap
 * above 15.
 */

import type { StdioOptions } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { SandboxProblem } from './confinement.ts'

/** O_CLOEXEC of Linux. */
const closeOnExec = 0o2000000
const maxDescriptor = 4096

/**
 * Returns the descriptors of a child: pipes for the first three (and the fourth, for a filter), `/dev/null` in place of every
 * one that it would inherit.
 * @param none descriptor of `/dev/null`
 * @throws SandboxProblem if there are too many to replace
 */
export function childDescriptors(hasFilter: boolean, none: number): StdioOptions {
  const inherited = inheritedDescriptors()
  const last = Math.max(3, ...inherited)
  if (last > maxDescriptor) throw new SandboxProblem(`Descriptor ${last} is open and would be inherited.`)
  return Array.from({ length: last + 1 }, (_, index) => {
    if (index < 3 || (index === 3 && hasFilter)) return 'pipe'
    return inherited.includes(index) ? none : 'ignore'
  })
}

function inheritedDescriptors(): readonly number[] {
  return readdirSync('/proc/self/fd')
    .map(Number)
    .filter((descriptor) => descriptor > 2 && !isClosedOnExec(descriptor))
}

function isClosedOnExec(descriptor: number): boolean {
  let text: string
  try {
    text = readFileSync(`/proc/self/fdinfo/${descriptor}`, 'utf8')
  } catch {
    // The one with which the folder was read.
    return true
  }
  const flags = /^flags:\s*([0-7]+)$/m.exec(text)?.[1] ?? '0'
  return (Number.parseInt(flags, 8) & closeOnExec) !== 0
}
