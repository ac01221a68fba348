/** Waiting until the running gate has read what a command wrote, so that what it says is true when it returns. */
import { type RunningState, runningGate, type TakenFiles } from '../../files/running.ts'
import { stateOf } from '../../files/state.ts'
import { locateAudit } from '../../policy/locate.ts'
import { PolicyError } from '../../policy/problem.ts'
import { type Io, textOf, type Values } from '../command.ts'

const patienceMs = 5000
const lookMs = 20

/** The gate that runs with this policy, if one does and the policy tells where its log is. */
export function gateOf(values: Values, io: Io): RunningState | undefined {
  try {
    return runningGate(locateAudit(textOf(values, 'config'), io.variables), io.processes.isAlive)
  } catch (error) {
    if (error instanceof PolicyError) return undefined
    throw error
  }
}

/**
 * @param which of its files was written, and where that is
 * @returns `late`: it runs and has not read it, which is said
 */
export async function untilTaken(
  values: Values,
  io: Io,
  which: keyof TakenFiles,
  file: string,
): Promise<'taken' | 'late' | 'no gate'> {
  for (const end = Date.now() + patienceMs; ; ) {
    const gate = gateOf(values, io)
    if (!gate) return 'no gate'
    // Of the file as it is now: whoever wrote after this has written this, too.
    if (gate.taken[which] === stateOf(file)) return 'taken'
    if (Date.now() > end) break
    await new Promise((resolve) => setTimeout(resolve, lookMs))
  }
  io.err('The change is saved, but the running gateway has not applied it yet. See /readyz and its log.\n')
  return 'late'
}
