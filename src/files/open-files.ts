/** How many files and connections this process may have open, and how many it takes. */
import { readFileSync } from 'node:fs'

/** The modules of a start are read many at once; what runs afterwards takes some forty, and two for each request. */
export const minOpenFiles = 256
/** Below this a hundred callers can exhaust them. */
const fewOpenFiles = 1024

/**
 * Reads how many files this process may open.
 * @returns the soft limit of `ulimit -n`; undefined where the system does not tell it in a file
 */
export function openFilesLimit(file = '/proc/self/limits'): number | undefined {
  try {
    const [, soft] = /^Max open files\s+(\d+)/m.exec(readFileSync(file, 'utf8')) ?? []
    return soft === undefined ? undefined : Number(soft)
  } catch {
    return undefined
  }
}

/** Judges a limit on open files. @returns what to tell the operator of this limit, if anything */
export function openFilesProblem(limit: number | undefined): string | undefined {
  if (limit === undefined || limit >= fewOpenFiles) return undefined
  const cure = 'raise `ulimit -n` (systemd: LimitNOFILE=65536; Docker: --ulimit nofile=65536)'
  return limit < minOpenFiles
    ? `this process may open only ${limit} files at once, and ${minOpenFiles} are needed to start: ${cure}`
    : `this process may open only ${limit} files at once; each request takes two, and beyond that requests are refused with \`overloaded\`: ${cure}`
}
