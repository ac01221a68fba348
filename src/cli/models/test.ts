/** `torwart models test`: puts a suite of prompts to a model, and compares it with an earlier version. */
import { createPublicKey } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { HeldBytes } from '../../core/held-bytes.ts'
import { createMasker } from '../../detect/sensitive/mask.ts'
import { replaceFile } from '../../files/atomic.ts'
import { makeFolder } from '../../files/folder.ts'
import { openSigningKey, publishKey, readPublicKeyFile } from '../../files/signing-key.ts'
import { createUpstreamClient, type HttpUpstreamClient } from '../../http/upstream-client.ts'
import { attestationsFolder, writeAttestation } from '../../model-trust/attestation/store.ts'
import { reportPage } from '../../model-trust/report/report.ts'
import { ModelFault } from '../../model-trust/suite/model-client.ts'
import { planOf } from '../../model-trust/suite/plan.ts'
import { readSuite } from '../../model-trust/suite/read-suite.ts'
import { type Baseline, judgeRun, type Result, readBaseline } from '../../model-trust/suite/result.ts'
import { openRunState } from '../../model-trust/suite/run-state.ts'
import { learnCapabilities, runSuite } from '../../model-trust/suite/runner.ts'
import type { Suite } from '../../model-trust/suite/suite.ts'
import type { Policy } from '../../policy/policy.ts'
import {
  type Command,
  configOption,
  type ExitCode,
  type Io,
  jsonOption,
  textOf,
  type Values,
} from '../command.ts'
import { readFor } from '../shared/named-file.ts'
import { progressOf } from '../shared/progress.ts'
import { policyOf } from './policy.ts'
import { findServedModel, type ServedName } from './served-name.ts'

const shippedSuite = new URL('../../../config/suites/basic.yaml', import.meta.url)
/** Bytes of answers that are read at once: one question is under way at a time. */
const memory = 64 * 1024 * 1024

/** The command `torwart models test`. */
export const modelsTest: Command = {
  argument: '<model>',
  options: [
    configOption,
    {
      flags: '--suite <file>',
      description: 'suite to run; default: the one that ships, config/suites/basic.yaml',
    },
    { flags: '--against <file>', description: 'result.json of an earlier version, to compare with' },
    {
      flags: '--out <dir>',
      description:
        'folder for result.json and report.html; a run that was cut off goes on there; default: model-tests/MODEL beside the lock',
    },
    { flags: '--upstream <name>', description: 'model server; default: the first that has the model' },
    jsonOption,
  ],
  async run(values, io, name = ''): Promise<ExitCode> {
    const policy = policyOf(values, io)
    const suiteFile = textOf(values, 'suite')
    const text = readFor('suite', () => readFileSync(suiteFile || shippedSuite))
    const suite = readSuite(suiteFile || 'basic.yaml', text)
    const client = createUpstreamClient(() => policy, new HeldBytes(() => memory))
    try {
      const served = await findServedModel(client.ask, policy, name, textOf(values, 'upstream'))
      const againstFile = textOf(values, 'against')
      const against =
        againstFile === '' ? undefined : readFor('against', () => readBaseline(againstFile, suite))
      const out = textOf(values, 'out') || standardFolder(policy, served.name)
      const result = await testModel({ policy, suite, client, served, against, out }, io)
      return await finish(values, io, { policy, result, out })
    } catch (error) {
      if (error instanceof ModelFault) return unfinished(values, io, error)
      throw error
    } finally {
      await client.close()
    }
  },
}

function standardFolder({ modelTrust }: Policy, model: string): string {
  return join(dirname(modelTrust.lockFile), 'model-tests', model.replaceAll(/[^a-z0-9.]+/gi, '-'))
}

interface Work {
  readonly policy: Policy
  readonly suite: Suite
  readonly client: HttpUpstreamClient
  readonly served: ServedName
  readonly against: Baseline | undefined
  readonly out: string
}

/** @throws ModelFault if the model server does not answer at all */
async function testModel(work: Work, io: Io): Promise<Result> {
  const { policy, suite, client, served, against, out } = work
  const { upstream, name: model, digest } = served
  const ask = (path: string, question: object, withinMs: number) =>
    client.ask(upstream, path, withinMs, { ...question })
  const capabilities = await learnCapabilities({ suite, model, ask })
  const plan = planOf(suite, capabilities, against?.capabilities)
  makeFolder(out)
  // Before the first answer: who reads the result sees that its tests were not chosen by their outcome.
  replaceFile(join(out, 'plan.json'), `${JSON.stringify(plan, null, 2)}\n`)
  io.err(`Plan ${plan.digest.slice(0, 12)}: ${plan.tests.length} tests.\n`)
  const key = { suite: suite.digest, seed: suite.seed, model, digest, upstream: upstream.name, capabilities }
  const progress = progressOf(io, 'answers')
  const { finder } = policy.personalData
  const state = openRunState(out, key)
  const ended = await runSuite({
    suite,
    model,
    ask,
    capabilities,
    state,
    mask: (text) => createMasker((each) => finder.find(each)).mask(text),
    tell: (count) => progress.tell(count),
    wait: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  })
  progress.end()
  const now = ended.finished ? await digestNow(work) : digest
  const end =
    now === digest
      ? ended
      : {
          finished: false as const,
          samples: ended.samples,
          why: 'the model changed while it was being tested',
        }
  const tested = { name: model, upstream: upstream.name, digest }
  const result = judgeRun({ suite, plan, model: tested, capabilities, end, finishedMs: Date.now() }, against)
  replaceFile(join(out, 'result.json'), `${JSON.stringify(result)}\n`)
  replaceFile(join(out, 'report.html'), reportPage(suite, result, against))
  return result
}

async function digestNow({ policy, client, served }: Work): Promise<string | null | undefined> {
  const found = await findServedModel(client.ask, policy, served.name, served.upstream.name).catch(
    () => undefined,
  )
  return found?.digest
}

/** There is no run at all. */
function unfinished(values: Values, io: Io, { message: why }: ModelFault): ExitCode {
  if (values.json) io.out(`${JSON.stringify({ verdict: 'unfinished', why, probes: [], comparisons: [] })}\n`)
  else io.err(`Unfinished: ${why}\n`)
  return 1
}

interface Outcome {
  readonly policy: Policy
  readonly result: Result
  readonly out: string
}

async function finish(values: Values, io: Io, { policy, result, out }: Outcome): Promise<ExitCode> {
  const { verdict, why, model, suite, plan, probes, comparisons } = result
  if (values.json)
    io.out(
      `${JSON.stringify({ verdict, ...(why ? { why } : {}), model, suite, plan: plan.digest, probes, comparisons })}\n`,
    )
  else io.out(summaryOf(result))
  io.err(`Report: ${join(out, 'report.html')}\n`)
  if (verdict !== 'passed') return 1
  if (model.digest === null) io.err('No attestation: this model server tells no digest.\n')
  else io.err(`Attestation: ${await attest(policy, result, model.digest)}\n`)
  return 0
}

async function attest({ modelTrust }: Policy, result: Result, digest: string): Promise<string> {
  const key = await openSigningKey(modelTrust.signingFile)
  const publicKey = createPublicKey(key)
  const publicFile = `${modelTrust.signingFile}.pub`
  if (!readPublicKeyFile(publicFile).some((each) => each.equals(publicKey))) publishKey(publicFile, publicKey)
  const run = {
    model: result.model.name,
    digest,
    suite: result.suite.name,
    suiteDigest: result.suite.digest,
    planDigest: result.plan.digest,
    finishedMs: Date.parse(result.finished),
    passed: result.probes.flatMap(({ id, state }) => (state === 'passed' ? id : [])),
  }
  return writeAttestation(attestationsFolder(modelTrust.lockFile), run, key)
}

function summaryOf({ verdict, why, model, suite, probes, comparisons }: Result): string {
  const lines = [`${model.name}, suite ${suite.name}: ${verdict}${why ? ` (${why})` : ''}`]
  for (const { id, state, variants, holds } of probes.filter(({ state }) => state !== 'passed')) {
    const bad = variants.filter(({ held, of }) => held < holds * of - 1e-9)
    const where = bad.map((each) => `${each.id}: ${each.held} of ${each.of}`).join(', ')
    lines.push(`  ${state.padEnd(14)} ${id}${where ? ` (${where})` : ''}`)
  }
  const different = comparisons.filter(({ differs }) => differs)
  for (const { id, adjusted, effect, unit, word } of different)
    lines.push(
      `  differs        ${id}${word ? ` “${word}”` : ''} (p ${adjusted.toPrecision(2)}, ${unit} ${effect.toFixed(3)})`,
    )
  const held = probes.filter(({ state }) => state === 'passed').length
  lines.push(
    `  ${held} of ${probes.length} probes passed, ${different.length} of ${comparisons.length} comparisons differ`,
  )
  return `${lines.join('\n')}\n`
}
