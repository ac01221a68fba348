/** `torwart document`: prints the technical documentation of this deployment (AI Act, article 11). */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { collectFindings } from '../coverage/collect.ts'
import { type Deployment, documentPage } from '../coverage/document/document.ts'
import { frameworkIds } from '../coverage/framework.ts'
import { toHtml } from '../coverage/page/html.ts'
import { toMarkdown } from '../coverage/page/markdown.ts'
import { reportOf } from '../coverage/report.ts'
import { attestationsOf } from '../model-trust/attestation/store.ts'
import { LockError, readLock } from '../model-trust/lock/lock-file.ts'
import { loadPolicy } from '../policy/load.ts'
import type { Policy } from '../policy/policy.ts'
import { type Command, configOption, type ExitCode, textOf, UsageError } from './command.ts'
import { aboutOf, chosenLanguage, langOption, shippedFrameworks } from './shared/report.ts'

/** The command `torwart document`. */
export const document: Command = {
  options: [
    configOption,
    { flags: '--format <format>', description: 'md or html', standard: 'md' },
    langOption,
  ],
  async run(values, io): Promise<ExitCode> {
    const policyFile = textOf(values, 'config')
    const format = textOf(values, 'format')
    if (format !== 'md' && format !== 'html') throw new UsageError('--format must be md or html.')
    const language = chosenLanguage(values)
    const { policy } = loadPolicy(policyFile, io.variables)
    const findings = await collectFindings(policy, policy.audit.file, undefined, Date.now())
    const report = reportOf(shippedFrameworks(frameworkIds), findings, language)
    const { lockFile, signingFile } = policy.modelTrust
    const deployment: Deployment = {
      ...aboutOf(policyFile, io),
      digest: createHash('sha256').update(readFileSync(policyFile)).digest('hex'),
      lock: lockOf(policy),
      refused: policy.modelTrust.require.has('suite') ? attestationsOf(lockFile, signingFile).refused : [],
    }
    const page = documentPage(report, deployment, language)
    io.out(format === 'html' ? toHtml(page) : toMarkdown(page))
    return 0
  },
}

/** A lock that cannot be read belongs into the document, too. */
function lockOf({ modelTrust: { lockFile } }: Policy): Deployment['lock'] {
  try {
    return readLock(lockFile)
  } catch (error) {
    if (!(error instanceof LockError)) throw error
    return error.message
  }
}
