/** Why a call of the platform failed. */

/** Returns the code of a Node error (`ECONNRESET`, `ERR_BUFFER_TOO_LARGE`), or an empty string. */
export function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : ''
}

const full: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT', 'EFBIG'])

/** Tells whether the system had no room for what was to be written: on the disk, in a quota, in a file. */
export function isDiskFull(error: unknown): boolean {
  return full.has(errorCode(error))
}
