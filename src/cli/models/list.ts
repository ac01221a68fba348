/** `torwart models list`: what the model servers serve, and whether it is the version of the lock file. */
import { table } from '../../core/table.ts'
import { admitsBy, type LockedDigest } from '../../model-trust/attestation/admission.ts'
import { attestationsOf } from '../../model-trust/attestation/store.ts'
import type { Served } from '../../model-trust/compare.ts'
import { type Lock, lockedAt } from '../../model-trust/lock/lock.ts'
import { whyUnverifiable } from '../../model-trust/read-models.ts'
import type { Policy } from '../../policy/policy.ts'
import { type Command, configOption, jsonOption } from '../command.ts'
import { lockOf, policyOf } from './policy.ts'
import { readServers, unverifiedLine } from './read.ts'

type WhyUntested = (model: LockedDigest) => string | undefined

/** The command `torwart models list`. */
export const modelsList: Command = {
  options: [
    configOption,
    { flags: '--upstream <name>', description: 'only this model server of the policy' },
    jsonOption,
  ],
  async run(values, io) {
    const policy = policyOf(values, io)
    const lock = lockOf(policy)
    const whyUntested = untestedBy(policy)
    const { served, silent } = await readServers(policy, values, io, () => false)
    const views = served.map((each) => viewOf(each, lock, whyUntested))
    if (values.json) io.out(`${JSON.stringify({ models: views })}\n`)
    else
      io.out(
        table(
          ['name', 'upstream', 'digest', 'size', 'quantisation', 'state'],
          views.map((view) => ({
            ...view,
            digest: view.digest?.slice(0, 12),
            size: view.size === null ? null : `${(view.size / 1e6).toFixed(0)} MB`,
          })),
        ),
      )
    for (const each of silent) io.err(unverifiedLine(each))
    return silent.length === 0 ? 0 : 1
  },
}

/** Returns why the signed test runs do not admit a version, if the policy requires one. */
function untestedBy({ modelTrust: { require, suite, lockFile, signingFile } }: Policy): WhyUntested {
  if (!require.has('suite') || suite === undefined) return () => undefined
  const tests = attestationsOf(lockFile, signingFile)
  const rule = { suite: suite.name, maxAgeMs: suite.maxAgeMs }
  return (model) => {
    const verdict = admitsBy(model, tests, rule, Date.now())
    return verdict.admitted ? undefined : verdict.reason
  }
}

function viewOf(served: Served, lock: Lock | undefined, whyUntested: WhyUntested) {
  const {
    name,
    upstream,
    kind,
    digest = null,
    size = null,
    family = null,
    quantisation = null,
  } = served.model
  return {
    name,
    upstream,
    kind,
    digest,
    size,
    family,
    quantisation,
    state: stateOf(served, lock, whyUntested),
  }
}

function stateOf(served: Served, lock: Lock | undefined, whyUntested: WhyUntested): string {
  const { model } = served
  if (model.remote) return 'on another host'
  if (whyUnverifiable(served) !== undefined) return 'cannot be verified'
  const locked = lock && lockedAt(lock, model)
  if (!locked) return 'not in the lock'
  if (locked.digest !== model.digest) return 'drifted'
  const why = whyUntested(locked)
  return why === undefined ? 'locked' : `locked, but ${why}`
}
