/**
 * `torwart models verify`: compares what the model servers serve with the lock file, or verifies the file that an option
 * names. Exits with 1 if anything differs.
 */
import { compareWithLock } from '../../model-trust/compare.ts'
import type { Lock } from '../../model-trust/lock/lock.ts'
import { type Unverified, whyUnverifiable } from '../../model-trust/read-models.ts'
import type { Policy } from '../../policy/policy.ts'
import { type Command, configOption, jsonOption } from '../command.ts'
import { policyOf, requireLock } from './policy.ts'
import { lineOf, type Read, readOptions, readServers, unverifiedLine } from './read.ts'
import { fileOptions, verifyFiles } from './verify-files.ts'

/** The command `torwart models verify`. */
export const modelsVerify: Command = {
  options: [configOption, ...readOptions, ...fileOptions, jsonOption],
  async run(values, io) {
    const ofFile = await verifyFiles(values, io)
    if (ofFile !== undefined) return ofFile
    const policy = policyOf(values, io)
    const lock = lockOrFault(policy)
    if (lock instanceof Error) {
      if (!values.json) throw lock
      io.out(`${JSON.stringify({ ok: false, differences: [], unverified: [], reason: lock.message })}\n`)
      return 1
    }
    const isLocked = ({ name, kind }: { readonly name: string; readonly kind: string }) =>
      lock.models.some((each) => each.name === name && each.kind === kind)
    const read = await readServers(policy, values, io, isLocked)
    const differences = [...read.badBytes, ...differencesOf(lock, read, policy.upstreams)]
    // A model in the lock that cannot be compared is not one that is as it should be.
    const unverified = [
      ...read.silent,
      ...read.unverifiable.filter((each) => lock.models.some(({ name }) => name === each.model)),
    ]
    const ok = differences.length === 0 && unverified.length === 0
    if (values.json) io.out(`${JSON.stringify({ ok, differences, unverified })}\n`)
    else {
      for (const each of differences) io.out(lineOf(each))
      for (const each of unverified) io.out(unverifiedLine(each))
      const isServed = ({ name, kind }: { readonly name: string; readonly kind: string }) =>
        read.served.some(({ model }) => model.name === name && model.kind === kind)
      const count = lock.models.filter(isServed).length
      if (ok) io.out(`${count} of ${lock.models.length} locked models are served, and none differs.\n`)
    }
    tellOthers(read, unverified, io)
    return ok ? 0 : 1
  },
}

/** Returns the lock, or the error that says why there is none. */
function lockOrFault(policy: Policy): Lock | Error {
  try {
    return requireLock(policy)
  } catch (error) {
    if (error instanceof Error) return error
    throw error
  }
}

/** Compares with the lock. A model of a server that did not answer is not reported as missing. */
function differencesOf(lock: Lock, read: Read, upstreams: readonly { name: string; kind: string }[]) {
  const silent = new Set(read.silent.map(({ upstream }) => upstream))
  const silentKinds = new Set(upstreams.filter(({ name }) => silent.has(name)).map(({ kind }) => kind))
  const unverifiable = read.served.filter((each) => whyUnverifiable(each) !== undefined)
  const verifiable = read.served.filter((each) => !unverifiable.includes(each))
  return compareWithLock(lock, verifiable).filter(({ kind, model }) => {
    if (kind !== 'missing') return true
    if (unverifiable.some((each) => each.model.name === model)) return false
    return !lock.models.some((each) => each.name === model && silentKinds.has(each.kind))
  })
}

/** Says plainly which models nothing was compared of. */
function tellOthers(
  { unverifiable }: Read,
  told: readonly Unverified[],
  io: { err(text: string): void },
): void {
  const others = unverifiable.filter((each) => !told.includes(each))
  for (const upstream of new Set(others.map((each) => each.upstream))) {
    const here = others.filter((each) => each.upstream === upstream)
    io.err(`${here.length} models of ${upstream}: ${here[0]?.why}\n`)
  }
}
