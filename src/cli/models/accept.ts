/**
 * `torwart models accept`: takes the version of a model that is served now into the lock file, in the place of the one
 * that was there. A running gateway puts on record who did so, and why.
 */
import { whileLocked } from '../../files/lock.ts'
import { compareWithLock } from '../../model-trust/compare.ts'
import type { Acceptance } from '../../model-trust/lock/lock.ts'
import { writeLock } from '../../model-trust/lock/lock-file.ts'
import { whyUnverifiable } from '../../model-trust/read-models.ts'
import { authorOf, byOption, type Command, configOption, jsonOption, textOf } from '../command.ts'
import { asStored, awaitLock, entriesOf, lockView, requireGoodBytes, untoldLine } from './lock-models.ts'
import { lockOf, namesIn, policyOf } from './policy.ts'
import { lineOf, noServerHas, readOptions, readServers, unverifiedLine } from './read.ts'

/** The command `torwart models accept`. */
export const modelsAccept: Command = {
  argument: '<model>',
  options: [
    configOption,
    { flags: '--why <reason>', description: 'reason, for the audit log', required: true },
    byOption,
    ...readOptions,
    jsonOption,
  ],
  async run(values, io, model = '') {
    const policy = policyOf(values, io)
    const { lockFile } = policy.modelTrust
    const names = namesIn([model], policy.upstreams)
    const read = await readServers(policy, values, io, ({ name }) => names.has(name))
    for (const each of read.silent) io.err(unverifiedLine(each))
    const served = read.served.filter((each) => names.has(each.model.name) && !each.model.remote)
    if (served.length === 0) throw new Error(noServerHas(model, read.silent))
    for (const each of served) {
      const why = whyUnverifiable(each)
      if (why !== undefined) throw new Error(`${each.model.name} (${each.model.upstream}): ${why}.`)
      if (each.contents === undefined) throw new Error(untoldLine(each).trimEnd())
    }
    requireGoodBytes(read.badBytes)
    const { entries, differences } = await whileLocked(lockFile, () => {
      const lock = lockOf(policy) ?? { models: [] }
      const isHere = ({ name, upstream }: { readonly name: string; readonly upstream: string }) =>
        names.has(name) && (textOf(values, 'upstream') === '' || upstream === textOf(values, 'upstream'))
      const was = lock.models.find(isHere)?.digest
      const accepted: Acceptance = {
        why: textOf(values, 'why'),
        by: authorOf(values, io),
        at: new Date().toISOString(),
        ...(was === undefined ? {} : { was }),
      }
      const found = compareWithLock(lock, asStored(served), names).filter(({ kind }) => kind !== 'missing')
      const made = found.length === 0 ? [] : entriesOf(served, read, accepted)
      if (made.length > 0)
        writeLock(lockFile, { models: [...lock.models.filter((each) => !isHere(each)), ...made] })
      return { entries: made, differences: found }
    })
    if (values.json) io.out(`${JSON.stringify(lockView(entries))}\n`)
    else {
      for (const each of differences) io.out(lineOf(each))
      for (const { name, upstream, digest } of entries) io.out(`${name} (${upstream}) is locked: ${digest}\n`)
      if (entries.length === 0) io.out(`${model} is in the lock as it is served.\n`)
    }
    return awaitLock(values, io, lockFile)
  },
}
