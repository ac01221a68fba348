/** Reading a file that an option names, so that an error names the option. */
import { errorCode } from '../../core/error-code.ts'
import { UsageError } from '../command.ts'

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  ENOTDIR: 'there is no such file',
  EACCES: 'this user may not read it',
  EISDIR: 'it is a folder',
}

/**
 * Reads a file that an option names.
 * @param option its name without dashes
 * @throws UsageError if the system cannot read it, and what `read` throws besides
 */
export function readFor<T>(option: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    const reason = reasons[errorCode(error) ?? '']
    if (reason === undefined) throw error
    throw new UsageError(`The file that --${option} names cannot be read: ${reason}.`)
  }
}
