/** What a confined command gets at most. The same for every program that confines. */

/** User and group it runs as: `nobody`. */
export const nobody = 65_534
/** Memory in bytes. */
export const maxMemory = 512 * 1024 ** 2
/** Processes and threads together. */
export const maxProcesses = 100
/** Open files of a process. */
export const maxOpenFiles = 256
/** Bytes of each folder that lives in memory: `/tmp` and `/dev/shm`. */
export const maxScratch = 64 * 1024 ** 2
/** Bytes of standard input, of standard output and of standard error, each. */
export const maxStream = 1024 ** 2
/** Milliseconds, unless the caller says otherwise. */
export const defaultTimeoutMs = 30_000

/** All that it finds in its environment. */
export const environment: Readonly<Record<string, string>> = {
  PATH: '/usr/local/bin:/usr/bin:/bin',
  LANG: 'C.UTF-8',
  HOME: '/tmp',
}
