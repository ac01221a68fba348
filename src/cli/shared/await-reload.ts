/** Waits until the running gateway has read what a command wrote, so that what the command reports is true. */
import { type RunningState, runningGate, type TakenFiles } from '../../files/running.ts'
import { stateOf } from '../../files/state.ts'
import { locateAudit } from '../../policy/locate.ts'
import { PolicyError } from '../../policy/problem.ts'
import { type Io, textOf, type Values } from '../command.ts'

const maxWaitMs = 5000
const pollMs = 20

/** Returns the state of the gateway that runs with this policy; undefined if none runs, or the policy does not say where. */
export function runningGateway(values: Values, io: Io): RunningState | undefined {
  try {
    return runningGate(locateAudit(textOf(values, 'config'), io.variables), io.processes.isAlive)
  } catch (error) {
    if (error instanceof PolicyError) return undefined
    throw error
  }
}

/**
 * Waits until the running gateway has read a file, for five seconds at most.
 * @param which of the gateway's files was written
 * @param file path of that file
 * @returns `late` if the gateway has not read it in time, of which the user is told
 */
export async function awaitReload(
  values: Values,
  io: Io,
  which: keyof TakenFiles,
  file: string,
): Promise<'taken' | 'late' | 'no gateway'> {
  for (const end = Date.now() + maxWaitMs; ; ) {
    const gateway = runningGateway(values, io)
    if (!gateway) return 'no gateway'
    // Compared with the file as it is now: a later write by another command includes this one.
    if (gateway.taken[which] === stateOf(file)) return 'taken'
    if (Date.now() > end) break
    await new Promise((resolve) => setTimeout(resolve, pollMs))
  }
  io.err('The change is saved, but the running gateway has not applied it yet. See /readyz and its log.\n')
  return 'late'
}
