/** `torwart coverage`: says how far the policy meets the controls of frameworks, computed from settings and evidence. */
import { segmentsOf } from '../audit/write/segments.ts'
import { csv } from '../core/csv.ts'
import { collectFindings } from '../coverage/collect.ts'
import { AttackFileFault, type AttackRun, readAttackRun } from '../coverage/evidence/attack.ts'
import { type FrameworkId, frameworkIds } from '../coverage/framework.ts'
import { toHtml } from '../coverage/page/html.ts'
import { toMarkdown } from '../coverage/page/markdown.ts'
import { type About, coverageColumns, coverageJson, coveragePage, coverageRows } from '../coverage/present.ts'
import { type Report, reportOf } from '../coverage/report.ts'
import { loadPolicy } from '../policy/load.ts'
import { type Command, configOption, jsonOption, textOf, UsageError, type Values } from './command.ts'
import { readFor } from './shared/named-file.ts'
import { aboutOf, chosenLanguage, langOption, shippedFrameworks } from './shared/report.ts'

const formats = ['md', 'html', 'json', 'csv'] as const
type Format = (typeof formats)[number]

/** The command `torwart coverage`. */
export const coverage: Command = {
  options: [
    configOption,
    { flags: '--framework <id>', description: `one framework: ${frameworkIds.join(', ')}; default: all` },
    { flags: '--format <format>', description: 'md, html, json or csv', standard: 'md' },
    langOption,
    { flags: '--log <file>', description: 'audit log to take evidence from; default: the one of the policy' },
    { flags: '--attack <file>', description: 'result of `torwart attack --json`, as evidence' },
    jsonOption,
  ],
  async run(values, io) {
    const policyFile = textOf(values, 'config')
    const format = chosenFormat(values)
    const language = chosenLanguage(values)
    const frameworks = shippedFrameworks(chosenFrameworks(values))
    const { policy } = loadPolicy(policyFile, io.variables)
    const findings = await collectFindings(
      policy,
      logOf(values, policy.audit.file),
      attackOf(values),
      Date.now(),
    )
    const report = reportOf(frameworks, findings, language)
    io.out(print(report, aboutOf(policyFile, io), { format, language }))
    return 0
  },
}

function print(
  report: Report,
  about: About,
  { format, language }: { readonly format: Format; readonly language: ReturnType<typeof chosenLanguage> },
): string {
  if (format === 'json') return `${JSON.stringify(coverageJson(report, about, language), null, 2)}\n`
  if (format === 'csv') return csv(coverageColumns, coverageRows(report, language))
  const page = coveragePage(report, about, language)
  return format === 'html' ? toHtml(page) : toMarkdown(page)
}

function chosenFormat(values: Values): Format {
  if (values.json) return 'json'
  const given = textOf(values, 'format')
  const found = formats.find((each) => each === given)
  if (found === undefined) throw new UsageError(`--format must be one of ${formats.join(', ')}.`)
  return found
}

function chosenFrameworks(values: Values): readonly FrameworkId[] {
  const given = textOf(values, 'framework')
  if (values.framework === undefined) return frameworkIds
  const found = frameworkIds.find((id) => id === given)
  if (found === undefined) throw new UsageError(`--framework must be one of ${frameworkIds.join(', ')}.`)
  return [found]
}

/** A log that was named must be there; that of the policy may still be to come. */
function logOf(values: Values, standard: string): string {
  const given = textOf(values, 'log')
  if (given === '') return standard
  if (segmentsOf(given).length === 0) throw new UsageError(`There is no log ${given}.`)
  return given
}

function attackOf(values: Values): AttackRun | undefined {
  const file = textOf(values, 'attack')
  if (file === '') return undefined
  try {
    return readFor('attack', () => readAttackRun(file))
  } catch (error) {
    if (!(error instanceof AttackFileFault)) throw error
    throw new UsageError(
      `The file that --attack names is no result of \`torwart attack --json\`: ${error.message}.`,
    )
  }
}
