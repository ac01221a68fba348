/** `torwart attack`: plays hostile requests against one's own gateway, and says what got through and how to close it. */
import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { asJson } from '../attack/report/json.ts'
import { reportPage } from '../attack/report/page.ts'
import { asText } from '../attack/report/text.ts'
import { type RunResult, resultsOf } from '../attack/result.ts'
import { type RunOptions, runSuite } from '../attack/run.ts'
import { subjectOf } from '../attack/subject.ts'
import type { Suite } from '../attack/suite/attack.ts'
import { readSuite, type SuiteText } from '../attack/suite/read-suite.ts'
import { replaceFile } from '../files/atomic.ts'
import { DocumentError } from '../policy/document.ts'
import { loadPolicy } from '../policy/load.ts'
import type { Policy } from '../policy/policy.ts'
import { changes } from './attack/copy-policy.ts'
import { liveGateway, openLive, requireYes } from './attack/live.ts'
import { copySource, openCopy } from './attack/private-copy.ts'
import { runScenario } from './attack/scenario.ts'
import {
  type Command,
  configOption,
  type Io,
  jsonOption,
  textOf,
  UsageError,
  type Values,
} from './command.ts'

const shippedSuite = fileURLToPath(new URL('../../config/attacks', import.meta.url))

/** The command `torwart attack`. */
export const attack: Command = {
  options: [
    configOption,
    jsonOption,
    { flags: '--html <file>', description: 'also write the report as one HTML file' },
    { flags: '--suite <folder>', description: 'folder with further attacks (YAML files)' },
    {
      flags: '--against <url>',
      description: 'attack this running gateway instead of a private copy; needs --key-file and a yes',
    },
    { flags: '--key-file <file>', description: 'with --against: file with the key to attack with' },
    { flags: '--yes', description: 'with --against: do not ask' },
    {
      flags: '--scenario <name>',
      description:
        'play an accident with and without a gateway: tickets, support-chat, clinic, poisoned-model or all',
    },
  ],
  async run(values, io) {
    const scenario = textOf(values, 'scenario')
    if (scenario !== '') return runScenario(scenario, values, io)
    const { policy } = loadPolicy(textOf(values, 'config'), io.variables)
    const suite = suiteOf(textOf(values, 'suite'))
    const target = await targetOf(values, policy, io)
    const startMs = Date.now()
    const results = await runSuite({ suite, ...target.options, onProgress: progressOn(io) })
    const run: RunResult = {
      target: target.words,
      policy: policy.version,
      roles: target.options.subjects.map(({ role }) => role.name),
      results,
      changed: target.changed,
      finished: new Date().toISOString(),
      seconds: Math.round((Date.now() - startMs) / 100) / 10,
    }
    const page = textOf(values, 'html')
    if (page !== '') replaceFile(page, reportPage(run))
    io.out(values.json ? `${JSON.stringify(asJson(run))}\n` : asText(run))
    return resultsOf(run, 'through').length > 0 ? 1 : 0
  },
}

interface Target {
  readonly words: string
  readonly options: Pick<RunOptions, 'subjects' | 'open' | 'isLive'>
  readonly changed: readonly string[]
}

async function targetOf(values: Values, policy: Policy, io: Io): Promise<Target> {
  const file = textOf(values, 'config')
  if (values.against !== undefined) {
    const live = await liveGateway(values, policy)
    await requireYes(values, io, live.url)
    return {
      words: live.url,
      options: { subjects: [live.subject], isLive: true, open: async () => openLive(live) },
      changed: ['Real model servers: an attack counts as stopped if the gateway refused it.'],
    }
  }
  const source = copySource(file, policy, io)
  const subjects = [...policy.roles.values()].map((role) =>
    subjectOf(policy, role, source.toolRulesOf(role.name)),
  )
  if (subjects.length === 0) throw new UsageError('The policy has no roles, so nobody can be attacked as.')
  return {
    words: `a private copy of ${file}`,
    options: { subjects, open: (limits, tries) => openCopy(source, limits, tries) },
    changed: changes,
  }
}

const progressStep = 50

/** Tells on a terminal how far it is. */
function progressOn(io: Io): (done: number, all: number) => void {
  return (done, all) => {
    if (io.terminal && (done % progressStep === 0 || done === all)) io.err(`${done} of ${all} attacks\n`)
  }
}

/** @throws UsageError with every mistake in the files */
function suiteOf(folder: string): Suite {
  try {
    return readSuite([shippedSuite, ...(folder === '' ? [] : [folder])].flatMap(filesIn))
  } catch (error) {
    if (error instanceof DocumentError) throw new UsageError(error.message)
    throw error
  }
}

/** @throws UsageError */
function filesIn(folder: string): readonly SuiteText[] {
  try {
    const names = readdirSync(folder).filter((name) => /\.ya?ml$/.test(name))
    return names.sort().map((name) => {
      const path = join(folder, name)
      return { file: relative('', path), bytes: readFileSync(path) }
    })
  } catch {
    throw new UsageError(`The folder ${folder} cannot be read.`)
  }
}
