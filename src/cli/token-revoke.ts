/** `torwart token revoke`: revokes a token and all tokens minted from it. */

import { revokedTokensFile, revokeToken } from '../auth/tokens/revoked-tokens.ts'
import { isTokenId } from '../core/token-id.ts'
import { locateKeys } from '../policy/locate.ts'
import {
  authorOf,
  byOption,
  type Command,
  configOption,
  type ExitCode,
  textOf,
  UsageError,
} from './command.ts'
import { awaitReload } from './shared/await-reload.ts'
import { beforeFleet } from './shared/keys.ts'

/** The command `torwart token revoke`. */
export const tokenRevoke: Command = {
  argument: '<id>',
  options: [configOption, byOption],
  async run(values, io, id = ''): Promise<ExitCode> {
    if (!isTokenId(id))
      throw new UsageError(
        'This is not a token id. `torwart token mint` prints the id, and the audit log records it.',
      )
    const file = revokedTokensFile(locateKeys(textOf(values, 'config'), io.variables))
    const { exit } = await beforeFleet(values, io, () =>
      revokeToken(file, id, Date.now(), authorOf(values, io)),
    )
    const taken = await awaitReload(values, io, 'revoked', file)
    io.err(`Token ${id} is revoked.\n`)
    return taken === 'late' ? 1 : exit
  },
}
