/** Why a call of the platform failed. */

/** Returns the code of a Node error (`ECONNRESET`, `ERR_BUFFER_TOO_LARGE`), or an empty string. */
export function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : ''
}
