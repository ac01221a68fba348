/**
 * `torwart models unlock`: takes a model out of the lock file, such as one that no server has any more. No server is asked. A
 * running gateway puts on record that the entry is gone.
 */
import { whileLocked } from '../../files/lock.ts'
import type { LockedModel } from '../../model-trust/lock/lock.ts'
import { writeLock } from '../../model-trust/lock/lock-file.ts'
import { canonicalFor } from '../../models/name.ts'
import { type Command, configOption, jsonOption, textOf } from '../command.ts'
import { awaitLock, lockView } from './lock-models.ts'
import { policyOf, requireLock } from './policy.ts'

/** The command `torwart models unlock`. */
export const modelsUnlock: Command = {
  argument: '<model>',
  options: [
    configOption,
    { flags: '--upstream <name>', description: 'only the entry of this model server' },
    jsonOption,
  ],
  async run(values, io, model = '') {
    const policy = policyOf(values, io)
    const { lockFile } = policy.modelTrust
    const server = textOf(values, 'upstream')
    // By the kind of the entry: its server may be gone from the policy, too.
    const isMeant = ({ name, kind, upstream }: LockedModel) =>
      canonicalFor(kind, model) === name && (server === '' || upstream === server)
    const gone = await whileLocked(lockFile, () => {
      const { models } = requireLock(policy)
      const found = models.filter(isMeant)
      if (found.length === 0)
        throw new Error(`${model}${server === '' ? '' : ` (${server})`} is not in the lock.`)
      writeLock(lockFile, { models: models.filter((each) => !isMeant(each)) })
      return found
    })
    if (values.json) io.out(`${JSON.stringify(lockView(gone))}\n`)
    else for (const { name, upstream } of gone) io.out(`${name} (${upstream}) is not in the lock any more.\n`)
    return awaitLock(values, io, lockFile)
  },
}
