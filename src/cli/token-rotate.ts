/**
 * `torwart token rotate`: replaces the key that signs tokens. Earlier tokens stay valid until they expire. With `--void`
 * they are refused at once, for when a signing key has leaked.
 */
import { openSigningKeys, signingKeysFile } from '../auth/tokens/signing-keys.ts'
import { locateKeys } from '../policy/locate.ts'
import { authorOf, byOption, type Command, configOption, type ExitCode, textOf } from './command.ts'
import { beforeFleet } from './shared/keys.ts'

/** The command `torwart token rotate`. */
export const tokenRotate: Command = {
  options: [
    configOption,
    { flags: '--void', description: 'also refuse every token signed so far' },
    byOption,
  ],
  async run(values, io): Promise<ExitCode> {
    const isVoid = values.void === true
    const file = signingKeysFile(locateKeys(textOf(values, 'config'), io.variables))
    const { exit } = await beforeFleet(values, io, () =>
      openSigningKeys(() => file).rotate(Date.now(), isVoid, authorOf(values, io)),
    )
    io.err(
      `A new key signs tokens from now on. Earlier tokens ${isVoid ? 'are refused' : 'stay valid until they expire'}.\n`,
    )
    return exit
  },
}
