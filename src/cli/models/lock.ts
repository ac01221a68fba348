/**
 * `torwart models lock`: writes the versions of models that are served now into the lock file. It replaces no version
 * that is there and differs: that is what `torwart models accept` is for, with a reason on record.
 */
import { whileLocked } from '../../files/lock.ts'
import { compareWithLock } from '../../model-trust/compare.ts'
import { type Lock, type LockedModel, lockedAt } from '../../model-trust/lock/lock.ts'
import { writeLock } from '../../model-trust/lock/lock-file.ts'
import { whyUnverifiable } from '../../model-trust/read-models.ts'
import { type Command, configOption, jsonOption, UsageError } from '../command.ts'
import {
  asStored,
  awaitLock,
  entriesOf,
  lockView,
  requireGoodBytes,
  untoldLine,
  withEntries,
} from './lock-models.ts'
import { lockOf, namesIn, policyOf } from './policy.ts'
import { lineOf, noServerHas, type Read, readOptions, readServers, unverifiedLine } from './read.ts'

/** The command `torwart models lock`. */
export const modelsLock: Command = {
  argument: '[model...]',
  options: [
    configOption,
    { flags: '--all', description: 'every model that the servers have' },
    ...readOptions,
    jsonOption,
  ],
  async run(values, io, ...words) {
    if ((words.length === 0) === (values.all !== true))
      throw new UsageError('Name the models to lock, or give --all.')
    const policy = policyOf(values, io)
    const { lockFile } = policy.modelTrust
    const names = namesIn(words, policy.upstreams)
    const isAsked = ({ name }: { readonly name: string }) => words.length === 0 || names.has(name)
    const read = await readServers(policy, values, io, isAsked)
    const asked = read.served.filter(({ model }) => isAsked(model) && !model.remote)
    for (const each of read.silent) io.err(unverifiedLine(each))
    for (const each of read.unverifiable)
      if (isAsked({ name: each.model ?? '' })) io.err(unverifiedLine(each))
    requireServed(words, { ...read, served: asked }, policy.upstreams)
    requireGoodBytes(read.badBytes)
    const told = asked.filter((each) => whyUnverifiable(each) === undefined)
    const wanted = told.filter(({ contents }) => contents !== undefined)
    for (const each of told) if (!wanted.includes(each)) io.err(untoldLine(each))
    const { made, drifted } = await whileLocked(lockFile, () => {
      const lock = lockOf(policy)
      const found = additionsTo(lock ?? { models: [] }, wanted, read)
      if (found.made.length > 0 || !lock) writeLock(lockFile, withEntries(lock ?? { models: [] }, found.made))
      return found
    })
    if (values.json) io.out(`${JSON.stringify(lockView(made))}\n`)
    else for (const { name, upstream, digest } of made) io.out(`${name} (${upstream}): ${digest}\n`)
    for (const each of drifted) io.err(lineOf(each))
    if (drifted.length > 0)
      io.err('The lock has these models in another version. Run `torwart models accept MODEL --why …`.\n')
    const taken = await awaitLock(values, io, lockFile)
    const isPartial = wanted.length < (words.length > 0 ? asked : told).length
    return drifted.length + read.silent.length > 0 || isPartial ? 1 : taken
  },
}

/** @throws Error that names the first model which no server has */
function requireServed(
  words: readonly string[],
  { served, silent }: Read,
  upstreams: Parameters<typeof namesIn>[1],
): void {
  const missing = words.find((word) => {
    const names = namesIn([word], upstreams)
    return !served.some(({ model }) => names.has(model.name))
  })
  if (missing !== undefined) throw new Error(noServerHas(missing, silent))
}

/** Returns the entries that may be written: of new models, and with more detail of unchanged ones; and what has drifted. */
function additionsTo(lock: Lock, wanted: Read['served'], read: Read) {
  const names = new Set(wanted.map(({ model }) => model.name))
  const differences = compareWithLock(lock, asStored(wanted), names)
  const drifted = differences.filter(({ kind }) => kind !== 'unlocked' && kind !== 'missing')
  const rest = wanted.filter(
    ({ model }) => !drifted.some((each) => each.model === model.name && each.upstream === model.upstream),
  )
  const made = entriesOf(rest, read).map((entry) => {
    const before = lockedAt(lock, entry)
    return before ? { ...entry, ...kept(before) } : entry
  })
  return { made, drifted }
}

/** The server that it was first read from, why it was accepted, and that its bytes were hashed once. */
function kept({ upstream, accepted, hashed }: LockedModel): Partial<LockedModel> {
  return { upstream, ...(accepted ? { accepted } : {}), ...(hashed ? { hashed } : {}) }
}
