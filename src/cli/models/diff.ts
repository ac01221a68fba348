/** `torwart models diff`: what is different between two models, or between a model and its entry in the lock. */
import { plain } from '../../core/plain.ts'
import { compareVersions, type Version } from '../../model-trust/compare.ts'
import type { Lock } from '../../model-trust/lock/lock.ts'
import { whyUnverifiable } from '../../model-trust/read-models.ts'
import { type Command, configOption, jsonOption } from '../command.ts'
import { lockOf, namesIn, policyOf } from './policy.ts'
import { noServerHas, type Read, readOptions, readServers, unverifiedLine } from './read.ts'

const lockedSuffix = '@lock'

/** The command `torwart models diff`. */
export const modelsDiff: Command = {
  argument: '<a> <b>',
  options: [configOption, ...readOptions, jsonOption],
  async run(values, io, a = '', b = '') {
    const policy = policyOf(values, io)
    const bare = [a, b].map((name) => name.replace(lockedSuffix, ''))
    const names = namesIn(bare, policy.upstreams)
    const lock = lockOf(policy)
    const read = await readServers(policy, values, io, ({ name }) => names.has(name))
    for (const each of read.silent) io.err(unverifiedLine(each))
    const versionOf = (given: string) => {
      const own = namesIn([given.replace(lockedSuffix, '')], policy.upstreams)
      const isLocked = given.endsWith(lockedSuffix)
      const found = isLocked ? lockedVersion(lock, own) : servedVersion(read, own)
      if (found) return found
      throw new Error(isLocked ? `${given} is not in the lock.` : whyNotServed(given, read, own))
    }
    const differences = compareVersions(versionOf(a), versionOf(b))
    if (values.json) io.out(`${JSON.stringify({ a, b, differences })}\n`)
    else {
      for (const { what } of differences) io.out(`${plain(what)}\n`)
      if (differences.length === 0) io.out('They are the same.\n')
    }
    return differences.length === 0 ? 0 : 1
  },
}

function lockedVersion(lock: Lock | undefined, names: ReadonlySet<string>): Version | undefined {
  return lock?.models.find(({ name }) => names.has(name))
}

function servedVersion({ served }: Read, names: ReadonlySet<string>): Version | undefined {
  const found = served.find(({ model }) => names.has(model.name) && model.digest !== undefined)
  return (
    found && { ...found.model, ...found.contents, digest: found.model.digest, parts: found.contents?.parts }
  )
}

/** Tells why a model that was named cannot be compared. */
function whyNotServed(given: string, { served, silent }: Read, names: ReadonlySet<string>): string {
  const found = served.find(({ model }) => names.has(model.name))
  if (!found) return noServerHas(given, silent)
  const { name, upstream } = found.model
  return `${name} (${upstream}): ${whyUnverifiable(found) ?? 'the server tells no digest'}.`
}
