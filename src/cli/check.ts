/** `torwart check`: reports every error that would keep `serve` from starting, and every warning. */
import { isOpenToOthers, keysWithoutRole, readKeyFile, unknownPeople } from '../auth/api-keys/key-file.ts'
import { publicKeyFault } from '../model-trust/attestation/store.ts'
import { loadPolicy } from '../policy/load.ts'
import { locateKeys, type Variables } from '../policy/locate.ts'
import { loadPacks } from '../policy/packs.ts'
import type { Policy } from '../policy/policy.ts'
import { formatProblem, PolicyError, type Problem } from '../policy/problem.ts'
import { type Command, configOption, jsonOption, textOf } from './command.ts'

/** The command `torwart check`. */
export const check: Command = {
  options: [configOption, jsonOption],
  run(values, io) {
    const file = textOf(values, 'config')
    const problems = problemsOf(file, io.variables)
    const failed = problems.some(({ severity }) => severity === 'error')
    if (values.json) io.out(`${JSON.stringify({ ok: !failed, problems })}\n`)
    else {
      for (const problem of problems) io.out(`${formatProblem(problem)}\n`)
      if (!failed) io.out(`${file} is valid${problems.length > 0 ? ', with warnings' : ''}\n`)
    }
    return failed ? 1 : 0
  },
}

function problemsOf(file: string, variables: Variables): readonly Problem[] {
  try {
    loadPacks()
    const { policy, warnings } = loadPolicy(file, variables)
    return [...warnings, ...keyProblems(policy.keysFile, policy), ...testKeyProblems(policy)]
  } catch (error) {
    if (error instanceof PolicyError)
      return [...error.problems, ...error.warnings, ...keyProblems(keysFileOf(file, variables), undefined)]
    throw error
  }
}

/** Without the public key, every model is quarantined that needs a signed test run. */
function testKeyProblems({ modelTrust: { require, signingFile } }: Policy): Problem[] {
  const file = `${signingFile}.pub`
  const fault = require.has('suite') ? publicKeyFault(file) : undefined
  if (fault === undefined) return []
  const message = `${fault}, so \`models.require\` admits no model. \`torwart models test\` writes it.`
  return [{ file, line: 1, column: 1, message, severity: 'warning' }]
}

/** Returns undefined if the policy does not say where the keys are. */
function keysFileOf(file: string, variables: Variables): string | undefined {
  try {
    return locateKeys(file, variables)
  } catch {
    return undefined
  }
}

/** @param policy undefined if it has errors, in which case its roles are unknown */
function keyProblems(keysFile: string | undefined, policy: Policy | undefined): Problem[] {
  if (keysFile === undefined) return []
  const at = (message: string, severity: Problem['severity']): Problem => ({
    file: keysFile,
    line: 1,
    column: 1,
    message,
    severity,
  })
  try {
    const open = isOpenToOthers(keysFile)
      ? ['users other than the owner may read or write this file. Run `chmod 600` on it.']
      : []
    const entries = readKeyFile(keysFile)
    const orphans = policy ? keysWithoutRole(entries, policy.roles, Date.now()) : []
    const strangers = policy ? unknownPeople(entries, policy) : []
    return [...open, ...orphans, ...strangers].map((message) => at(message, 'warning'))
  } catch (error) {
    return [at(error instanceof Error ? error.message : 'cannot be read', 'error')]
  }
}
