/** `torwart models list`: what the model servers serve, and whether it is the version of the lock file. */
import { table } from '../../core/table.ts'
import type { Served } from '../../model-trust/compare.ts'
import { type Lock, lockedAt } from '../../model-trust/lock/lock.ts'
import { whyUnverifiable } from '../../model-trust/read-models.ts'
import { type Command, configOption, jsonOption } from '../command.ts'
import { lockOf, policyOf } from './policy.ts'
import { readServers, unverifiedLine } from './read.ts'

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
    const { served, silent } = await readServers(policy, values, io, () => false)
    const views = served.map((each) => viewOf(each, lock))
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

function viewOf(served: Served, lock: Lock | undefined) {
  const {
    name,
    upstream,
    kind,
    digest = null,
    size = null,
    family = null,
    quantisation = null,
  } = served.model
  return { name, upstream, kind, digest, size, family, quantisation, state: stateOf(served, lock) }
}

function stateOf(served: Served, lock: Lock | undefined): string {
  const { model } = served
  if (model.remote) return 'on another host'
  if (whyUnverifiable(served) !== undefined) return 'cannot be verified'
  const locked = lock && lockedAt(lock, model)
  if (!locked) return 'not in the lock'
  return locked.digest === model.digest ? 'locked' : 'drifted'
}
