/** `torwart doctor`: says what is unsafe about this deployment, why, and what mends it. */
import { advisoriesDate } from '../doctor/advisories.ts'
import { collectFacts } from '../doctor/collect/collect.ts'
import { type Examination, examine } from '../doctor/examine.ts'
import { loadPolicy } from '../policy/load.ts'
import { PolicyError } from '../policy/problem.ts'
import { type Command, configOption, type Io, jsonOption, textOf } from './command.ts'

/** The command `torwart doctor`. */
export const doctor: Command = {
  options: [configOption, jsonOption],
  async run(values, io) {
    const examination = await examined(textOf(values, 'config'), io)
    io.out(
      values.json
        ? `${JSON.stringify({ ...examination, advisories: advisoriesDate })}\n`
        : inWords(examination),
    )
    return examination.findings.length > 0 ? 1 : 0
  },
}

async function examined(file: string, io: Io): Promise<Examination> {
  try {
    const { policy, warnings } = loadPolicy(file, io.variables)
    const { node, constrainedMemory } = io
    const nodeVersion = node?.version
    return examine(
      await collectFacts({
        policyFile: file,
        policy,
        warnings,
        nowMs: Date.now(),
        nodeVersion,
        constrainedMemory,
      }),
    )
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error
    return {
      findings: [
        {
          id: 'policy-invalid',
          severity: 'critical',
          what: `The policy ${file} has errors.`,
          why: 'The gateway does not start with it, and a running one keeps the policy before it.',
          fix: `torwart check -c ${file}`,
        },
      ],
      unchecked: [{ id: 'all', why: 'without a valid policy nothing else is known' }],
    }
  }
}

function inWords({ findings, unchecked }: Examination): string {
  const found = findings.map(
    ({ id, severity, what, why, fix }) => `${severity}: ${what}  [${id}]\n  Why: ${why}\n  Fix: ${fix}\n`,
  )
  const missed = unchecked.map(({ id, why }) => `  ${id}: ${why}\n`)
  const sum =
    findings.length === 0 ? 'No findings' : `${findings.length} finding${findings.length > 1 ? 's' : ''}`
  return [
    ...found.map((text) => `${text}\n`),
    ...(missed.length > 0 ? ['Not checked:\n', ...missed, '\n'] : []),
    `${sum}, ${unchecked.length} not checked. Known vulnerabilities as of ${advisoriesDate}.\n`,
  ].join('')
}
