/** `torwart token rotate`: a new key signs from now on. What the one before it signed stays good until it expires. */
import { openSigningKeys, signingKeysFile } from '../identity/signing-keys.ts'
import { locateKeys } from '../policy/load.ts'
import { type Command, configOption, type ExitCode, textOf } from './command.ts'
import { withSharedKeys } from './keys.ts'

export const tokenRotate: Command = {
  name: 'token rotate',
  summary: 'sign tokens with a new key from now on',
  options: [configOption],
  async run(values, io): Promise<ExitCode> {
    const file = signingKeysFile(locateKeys(textOf(values, 'config'), io.variables))
    await withSharedKeys(values, io, async (shared) => {
      await openSigningKeys(file).rotate(Date.now())
      await shared?.synchronise()
    })
    io.err('A new key signs from now on; tokens signed before stay good until they expire.\n')
    return 0
  },
}
