/** `torwart check`: reports every error that would keep `serve` from starting, every warning, and tests that fail. */
import { isOpenToOthers, keysWithoutRole, readKeyFile, unknownPeople } from '../auth/api-keys/key-file.ts'
import { publicKeyFault } from '../model-trust/attestation/store.ts'
import { runPolicyTests } from '../pipeline/policy-tests/run.ts'
import { createScanners, createScanning } from '../pipeline/request/scan-cache.ts'
import { loadPolicy } from '../policy/load.ts'
import { locateKeys, type Variables } from '../policy/locate.ts'
import { loadPacks } from '../policy/packs.ts'
import type { Policy } from '../policy/policy.ts'
import { formatProblem, PolicyError, type Problem } from '../policy/problem.ts'
import { readTestFile, testsFileOf } from '../policy/tests/test-file.ts'
import { createLog } from '../telemetry/log.ts'
import {
  type Command,
  configOption,
  type ExitCode,
  type Io,
  jsonOption,
  textOf,
  type Values,
} from './command.ts'

/** The command `torwart check`. */
export const check: Command = {
  options: [
    configOption,
    {
      flags: '--tests [file]',
      description: 'also run the tests of the policy; default: the file beside it, such as torwart.test.yaml',
    },
    jsonOption,
  ],
  async run(values, io): Promise<ExitCode> {
    const file = textOf(values, 'config')
    const { problems: ofFiles, policy } = problemsOf(file, io.variables)
    const isInvalid = ofFiles.some(isError)
    const { tests: asked } = values
    const tests = asked && policy && !isInvalid ? await testsOf(policy, file, asked, io) : undefined
    const problems = [...ofFiles, ...(tests?.problems ?? [])]
    const failed = problems.some(isError)
    if (values.json) {
      const told = tests ? { tests: { file: tests.file, passed: tests.passed, failed: tests.failed } } : {}
      io.out(`${JSON.stringify({ ok: !failed, problems, ...told })}\n`)
    } else {
      for (const problem of problems) io.out(`${formatProblem(problem)}\n`)
      if (!isInvalid) io.out(`${file} is valid${ofFiles.length > 0 ? ', with warnings' : ''}\n`)
      if (tests) io.out(`${tests.file}: ${tests.passed} passed, ${tests.failed} failed\n`)
    }
    return failed ? 1 : 0
  },
}

const isError = ({ severity }: Problem) => severity === 'error'

interface Checked {
  readonly problems: readonly Problem[]
  /** Undefined if it has errors. */
  readonly policy: Policy | undefined
}

function problemsOf(file: string, variables: Variables): Checked {
  try {
    loadPacks()
    const { policy, warnings } = loadPolicy(file, variables)
    return {
      problems: [...warnings, ...keyProblems(policy.keysFile, policy), ...testKeyProblems(policy)],
      policy,
    }
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error
    const ofKeys = keyProblems(keysFileOf(file, variables), undefined)
    return { problems: [...error.problems, ...error.warnings, ...ofKeys], policy: undefined }
  }
}

/** Runs the tests. @param asked the file; `true`: the one beside the policy */
async function testsOf(policy: Policy, policyFile: string, asked: Values[string], io: Io) {
  const file = typeof asked === 'string' ? asked : testsFileOf(policyFile)
  try {
    const tests = readTestFile(file)
    const problems = await runPolicyTests(tests, {
      policy,
      keys: readKeyFile(policy.keysFile),
      nowMs: Date.now(),
      scanningFor: createScanning(createScanners(loadPacks())),
      log: createLog('warn', { write: io.err }),
    })
    return { file, problems, passed: tests.tests.length - problems.length, failed: problems.length }
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error
    return { file, problems: error.problems, passed: 0, failed: error.problems.length }
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
