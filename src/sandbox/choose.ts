/** Chooses what confines: the first of bubblewrap, Docker and podman that runs a command here. */
import { Readable } from 'node:stream'
import { type Confinement, SandboxProblem } from './confinement.ts'
import { type Job, runConfined } from './run.ts'

const trialMs = 10_000
/** Of what a program says about its failure. */
const maxReason = 200

/**
 * Tries each with a command that does nothing.
 * @throws SandboxProblem with the reason of each, if none works
 */
export async function chooseConfinement(
  candidates: readonly Confinement[],
  variables: NodeJS.ProcessEnv,
): Promise<Confinement> {
  const reasons: string[] = []
  for (const candidate of candidates) {
    const reason = await failureOf(candidate, variables)
    if (reason === undefined) return candidate
    reasons.push(`${candidate.name}: ${reason}`)
  }
  throw new SandboxProblem(`nothing here can confine a command, so it was not run.\n${reasons.join('\n')}`)
}

async function failureOf(candidate: Confinement, variables: NodeJS.ProcessEnv): Promise<string | undefined> {
  let said = ''
  const job: Job = {
    command: ['true'],
    timeoutMs: trialMs,
    streams: {
      input: Readable.from([]),
      out: () => {},
      err: (text) => {
        said = (said + text).slice(0, maxReason)
      },
    },
    variables,
    onStart: () => {},
  }
  try {
    const { code, stoppedBy } = await runConfined(candidate, job)
    if (code === 0 && stoppedBy === undefined) return undefined
    return said.trim() || `failed with exit code ${code}`
  } catch (error) {
    if (error instanceof SandboxProblem) return error.message
    throw error
  }
}
