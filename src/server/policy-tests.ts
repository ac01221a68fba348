/**
 * Keeps a policy with `reload.tests: require` from being taken before its tests have passed. Tests take a moment, in which the
 * previous policy stays in force; keys are not waited for. Every process judges by itself, and all of them alike.
 */
import { readKeyFile } from '../auth/api-keys/key-file.ts'
import { lookAt, statesOf } from '../files/watch.ts'
import { runPolicyTests } from '../pipeline/policy-tests/run.ts'
import type { ScanningFor } from '../pipeline/request/scan-cache.ts'
import type { Policy } from '../policy/policy.ts'
import { PolicyError } from '../policy/problem.ts'
import { readTestFile, testsFileOf } from '../policy/tests/test-file.ts'
import type { Log } from '../telemetry/log.ts'

/** What testing takes. */
export interface PolicyTestGateOptions {
  readonly policyFile: string
  readonly scanningFor: ScanningFor
  readonly log: Pick<Log, 'warn'>
  /** Epoch milliseconds. */
  nowMs(): number
}

/** Whether policies may be taken. */
export class PolicyTestGate {
  readonly #options: PolicyTestGateOptions
  /** The last that passed: another version, or other tests, are judged anew. Keys may change meanwhile. */
  #passed: string | undefined
  /** The last that failed: it is judged anew when anything has changed. */
  #failed: { readonly what: string; readonly error: unknown } | undefined
  #running: { readonly what: string; readonly done: Promise<void> } | undefined

  constructor(options: PolicyTestGateOptions) {
    this.#options = options
  }

  /**
   * Tells whether a policy may be taken.
   * @param onJudged called when it can be told, if it cannot yet
   * @throws whatever keeps it from being taken: PolicyError with a problem for each test that fails
   */
  admits(policy: Policy, onJudged: () => void): 'yes' | 'not yet' {
    if (!policy.mustPassTests) return 'yes'
    const what = this.#identityOf(policy)
    if (this.#passed === what) return 'yes'
    const withKeys = `${what}\n${lookAt(policy.keysFile)}`
    if (this.#failed?.what === withKeys) throw this.#failed.error
    if (this.#running?.what !== withKeys) {
      const running = { what: withKeys, done: this.#run(policy, what, withKeys) }
      this.#running = running
      void running.done.then(() => {
        if (this.#running === running) this.#running = undefined
        onJudged()
      })
    }
    return 'not yet'
  }

  /** Judges the policy to start with. @throws as `admits` */
  async require(policy: Policy): Promise<void> {
    // Files may change meanwhile.
    while (this.admits(policy, () => {}) === 'not yet') await this.settled()
  }

  /** Resolves when no tests run. Never rejects. */
  async settled(): Promise<void> {
    for (let running = this.#running; running !== undefined; running = this.#running) await running.done
  }

  #identityOf({ version }: Policy): string {
    return `${version}\n${statesOf([testsFileOf(this.#options.policyFile)])}`
  }

  async #run(policy: Policy, what: string, withKeys: string): Promise<void> {
    const { policyFile, scanningFor, log, nowMs } = this.#options
    try {
      const tests = readTestFile(testsFileOf(policyFile))
      const keys = readKeyFile(policy.keysFile)
      const problems = await runPolicyTests(tests, { policy, keys, scanningFor, log, nowMs: nowMs() })
      if (problems.length > 0) throw new PolicyError(problems)
      this.#passed = what
    } catch (error) {
      this.#failed = { what: withKeys, error }
    }
  }
}
