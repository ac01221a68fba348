/** `torwart token mint`: mints a narrower, short-lived token from a key and prints it once. */

import Type from 'typebox'
import Value from 'typebox/value'
import { keyStatus } from '../auth/api-keys/key-file.ts'
import { rights } from '../auth/tokens/grant.ts'
import { openSigningKeys, signingKeysFile } from '../auth/tokens/signing-keys.ts'
import { type Holder, mintToken, shownToken, type TokenRequest } from '../auth/tokens/token.ts'
import { Refusal } from '../core/refusal.ts'
import { loadPolicy } from '../policy/load.ts'
import {
  type Command,
  configOption,
  type ExitCode,
  jsonOption,
  textOf,
  UsageError,
  type Values,
} from './command.ts'
import { beforeFleet, durationOption, findKey, readKeys } from './shared/keys.ts'

const rightsSchema = Type.Object(rights, { additionalProperties: false })

/** The command `torwart token mint`. */
export const tokenMint: Command = {
  options: [
    configOption,
    {
      flags: '--key <id>',
      description: 'id of the key to mint from; the token shares its limits',
      required: true,
    },
    { flags: '--ttl <duration>', description: 'lifetime, such as 15m' },
    { flags: '--routes <groups>', description: 'restrict to these route groups, such as chat,models' },
    { flags: '--models <patterns>', description: 'restrict to these models, such as qwen3:*' },
    { flags: '--tools <patterns>', description: 'restrict to these tools, such as search_*' },
    { flags: '--requests <count>', description: 'total number of requests' },
    { flags: '--tokens <count>', description: 'total number of input and output tokens' },
    jsonOption,
  ],
  async run(values, io): Promise<ExitCode> {
    const now = Date.now()
    const entry = findKey(readKeys(values, io), textOf(values, 'key'))
    const status = keyStatus(entry, now)
    if (status !== 'active') throw new UsageError(`Key ${entry.id} is ${status}.`)
    const { policy } = loadPolicy(textOf(values, 'config'), io.variables)
    const role = policy.roles.get(entry.role)
    if (!role) throw new UsageError(`Key ${entry.id} has a role that does not exist: ${entry.role}.`)
    const expiresMs = entry.expires === undefined ? Number.POSITIVE_INFINITY : Date.parse(entry.expires)
    const holder: Holder = { key: entry.id, role, grants: [], expiresMs }
    const signing = openSigningKeys(() => signingKeysFile(policy.keysFile))
    try {
      const { result: minted, exit } = await beforeFleet(values, io, () =>
        mintToken(holder, wantedOf(values), policy.tokens, signing, now),
      )
      const shown = shownToken(minted)
      const { id, token, parent, expires } = shown
      if (values.json) io.out(`${JSON.stringify(shown)}\n`)
      else {
        io.out(`${token}\n`)
        io.err(
          `Token ${id} of key ${parent}, valid until ${expires}. Save it now: it cannot be shown again.\n`,
        )
      }
      return exit
    } catch (error) {
      throw error instanceof Refusal ? new UsageError(error.say) : error
    }
  },
}

/** @throws UsageError */
function wantedOf(values: Values): TokenRequest {
  const lists = ['routes', 'models', 'tools'].flatMap((name) => {
    const given = values[name]
    // An empty shell variable must not produce a token with all rights.
    if (given === '')
      throw new UsageError(`--${name} is empty. Leave it out to give the token all that the key has.`)
    return typeof given === 'string' ? [[name, given.split(',').map((each) => each.trim())]] : []
  })
  const counts = ['requests', 'tokens'].flatMap((name) => {
    const given = values[name]
    return typeof given === 'string' ? [[name, Number(given)]] : []
  })
  const asked: unknown = Object.fromEntries([...lists, ...counts])
  if (!Value.Check(rightsSchema, asked)) {
    const [error] = Value.Errors(rightsSchema, asked)
    throw new UsageError(`--${error?.instancePath.split('/')[1] ?? 'routes'} has an invalid value`)
  }
  return { ...asked, ttlMs: durationOption(values, 'ttl') }
}
